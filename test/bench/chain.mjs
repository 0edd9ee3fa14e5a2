// Live payments: catching up with stored blocks, and how soon the shop hears of a final payment.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { join } from 'node:path';
import {
  BUILD, SCRATCH, TOOLS, address, fill, freePort, freshDirectory, makeProject, residentMiB, schemaHash, sleep, startGateway,
} from './lib.mjs';

const OPEN = 1000000;
const OPEN_QUICK = 100000;
const BLOCKS = 200;
const CREDITS = 200; // of a block

// A data folder with many open live payments. Filled once for each state of the schema, copied for each sample.
function manyLive(open, webhook) {
  const kept = join(SCRATCH, `live-${open}-${schemaHash()}`);
  if (!existsSync(kept)) {
    const data = freshDirectory('filling');
    makeProject(data, { webhook });
    fill(data, '--live', open);
    renameSync(data, kept);
  }
  const data = freshDirectory('live');
  rmSync(data, { recursive: true });
  cpSync(kept, data, { recursive: true });
  execFileSync('sync');
  return data;
}

function catchUp(open, webhook, trust) {
  const data = manyLive(open, webhook);
  const args = ['-c', '0', join(TOOLS, 'catch_up'), data, trust, String(BLOCKS), String(open)];
  const result = JSON.parse(execFileSync('taskset', args, { encoding: 'utf8' }));
  rmSync(data, { recursive: true });
  if (result.paid !== 5 * BLOCKS) throw new Error(`catching up credited ${result.paid} payments, not ${5 * BLOCKS}`);
  return result;
}

const listening = (server, port) => new Promise((done) => server.listen(port, '127.0.0.1', done));

// Stands between the gateway and its node, and notes when the last byte of a block's receipts was handed over.
async function watchedNode(target) {
  const sent = new Map();
  const server = createServer((from, answer) => {
    const chunks = [];
    from.on('data', (d) => chunks.push(d)).on('end', () => {
      const body = Buffer.concat(chunks);
      const to = request(new URL(from.url, target), { method: from.method, headers: from.headers }, (reply) => {
        answer.writeHead(reply.statusCode, reply.headers);
        reply.pipe(answer);
        if (from.url.endsWith('gettransactioninfobyblocknum'))
          answer.once('finish', () => sent.set(JSON.parse(body).num, performance.now()));
      });
      to.end(body);
    });
  });
  const port = await freePort();
  await listening(server, port);
  return { url: `http://127.0.0.1:${port}`, sent, close: () => server.close() };
}

async function webhookClock() {
  const heard = [];
  const server = createServer((from, answer) => {
    heard.push(performance.now());
    from.resume().on('end', () => answer.end('ok'));
  });
  const port = await freePort();
  await listening(server, port);
  return { url: `http://127.0.0.1:${port}/webhook`, heard, close: () => server.close() };
}

async function startSimnode() {
  const child = spawn(join(BUILD, 'cryptopay-simnode'), ['--listen', '127.0.0.1:0', '--pace', '0', '--witnesses', '1'], {
    stdio: ['ignore', 'pipe', 'inherit'] });
  const said = await new Promise((done) => {
    let out = '';
    child.stdout.on('data', (d) => (out += d).includes('\n') && done(JSON.parse(out)));
  });
  const command = async (name, args) => {
    const r = await fetch(`${said.nodes[0]}/sim/${name}`, { method: 'POST', body: JSON.stringify(args) });
    const answer = await r.json();
    if (!r.ok || answer.error) throw new Error(`sim ${name}: ${answer.error ?? r.status}`);
    return answer;
  };
  return { url: said.nodes[0], token: said.usdt_contract, command, stop: () => child.kill('SIGTERM') };
}

async function until(what, ms = 60000) {
  for (const end = performance.now() + ms; !what(); await sleep(5))
    if (performance.now() > end) throw new Error(`what the bench waits for does not happen: ${what}`);
}

async function toWebhook(open, rounds) {
  const hook = await webhookClock();
  const chain = await startSimnode();
  const node = await watchedNode(chain.url);
  const data = manyLive(open, hook.url);
  const args = ['--network', 'custom', '--usdt-contract', chain.token, '--node', `${node.url} rate=1000`];
  const env = { CRYPTOPAY_ALLOW_PRIVATE_WEBHOOKS: '1' };
  execFileSync(join(BUILD, 'cryptopay'), ['project', 'set', '1', '--data', data, '--webhook', hook.url, '--json'], {
    env: { ...process.env, ...env }, stdio: 'ignore',
  });
  const server = await startGateway(data, args, env);
  const waits = [];
  try {
    await sleep(2000); // it has found where to begin
    for (let round = 0; round < rounds; round++) {
      hook.heard.length = 0;
      const to = Array.from({ length: CREDITS }, (_, i) => ({ to: address(1 + round * CREDITS + i), amount: '50' }));
      await chain.command('many', { to });
      await chain.command('mine', { n: 1 }); // final at once: there is one witness
      const { head: number } = await chain.command('status', {});
      await until(() => hook.heard.length === CREDITS && node.sent.has(number));
      waits.push(...hook.heard.map((t) => t - node.sent.get(number)));
    }
    return { waits: waits.sort((a, b) => a - b), mib: residentMiB(server) };
  } finally {
    await server.stop();
    node.close();
    hook.close();
    chain.stop();
    rmSync(data, { recursive: true });
  }
}

export async function chain({ settings, interleave, rows, median, text }) {
  const open = settings.full ? OPEN : OPEN_QUICK;
  const webhook = 'https://shop.example.com/webhook';
  const s = await interleave({
    one: () => catchUp(open, webhook, 'one'),
    verified: () => catchUp(open, webhook, 'verified:1'),
  });
  const ratio = (samples) => median(samples.map((r) => r.parse_us / r.follow_us));
  const pace = (samples, field) => `${text(median(samples.map((r) => (r.blocks * 1e6) / r[field])))} blocks/s`;
  const row = (name, samples, limits) =>
    rows.push({ name, a: pace(samples, 'follow_us'), b: pace(samples, 'parse_us'), value: ratio(samples), ...limits });
  row(`catching up, ${text(open)} open payments ÷ bare jansson parse`, s.one, { atLeast: 0.6 });
  row('the same, every block verified (trust = verified:1)', s.verified, {});
  const { waits, mib } = await toWebhook(open, settings.rounds);
  const at = (part) => waits[Math.floor(waits.length * part)];
  rows.push({
    name: `last byte of the receipts to first byte of the webhook, ${CREDITS} credits a block: p99`, a: `p50 ${text(at(0.5))} ms`,
    value: at(0.99), unit: 'ms', atMost: 250,
  });
  rows.push({ name: `memory resident with ${text(open)} open live payments`, value: mib, unit: 'MiB', atMost: 256 });
}
