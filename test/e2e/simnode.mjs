// A simulated chain with one or several nodes (build/cryptopay-simnode), for black-box and browser tests.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { after } from 'node:test';
import { ROOT, freePort, request, until } from './harness.mjs';

const living = new Set();
const stopAll = () => living.forEach((chain) => chain.child.kill('SIGKILL'));
process.on('exit', stopAll);
if (process.env.NODE_TEST_CONTEXT) after(stopAll);

export class SimChain {
  // Options: nodes (how many), and the program's own flags as `args`. Three witnesses make a block each 200 ms: final after
  // two more.
  static async start({ nodes = 1, args = ['--witnesses', '3', '--pace', '200'] } = {}) {
    const chain = new SimChain();
    const listen = [];
    for (let i = 0; i < nodes; i++) listen.push('--listen', `127.0.0.1:${await freePort()}`);
    chain.log = '';
    chain.child = spawn(path.join(ROOT, 'build/cryptopay-simnode'), [...listen, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    living.add(chain);
    let line = '';
    chain.child.stdout.setEncoding('utf8').on('data', (data) => (line += data));
    chain.child.stderr.setEncoding('utf8').on('data', (data) => (chain.log += data));
    await until(() => {
      if (chain.child.exitCode !== null) throw new Error(`simnode ended: ${chain.log}`);
      return line.includes('\n');
    }, 'the simulated chain is there', 20000);
    const said = JSON.parse(line);
    chain.nodes = said.nodes;
    chain.token = said.usdt_contract;
    return chain;
  }

  // What a gateway that follows it is started with.
  args(more = []) {
    return ['--network', 'custom', '--usdt-contract', this.token, ...this.nodes.flatMap((url) => ['--node', url]), ...more];
  }

  // A command of the chain, or of the node at whose address it is posted.
  async do(command, args = {}, node = 0) {
    const r = await request(`${this.nodes[node]}/sim/${command}`, { method: 'POST', body: JSON.stringify(args), timeoutMs: 120000 });
    if (r.status !== 200 || r.json?.error) throw new Error(`sim ${command}: ${r.status} ${r.text}`);
    return r.json;
  }

  transfer(to, amount, more = {}) {
    return this.do('transfer', { to, amount, ...more });
  }

  status(more = {}) {
    return this.do('status', more);
  }

  stop() {
    living.delete(this);
    const ended = new Promise((resolve) => this.child.on('close', resolve));
    this.child.kill('SIGTERM');
    return ended;
  }
}
