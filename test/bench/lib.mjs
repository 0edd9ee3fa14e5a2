// Starts and stops what is measured, runs the load generator, and does the little arithmetic of the table.
import { spawn, execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync, mkdirSync, rmSync, existsSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';

export const BUILD = process.env.BUILD ?? 'build';
export const TOOLS = join(BUILD, 'bench');
export const SCRATCH = join(BUILD, 'bench', 'data');
export const GATEWAY = join(BUILD, 'cryptopay');

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

export function freshDirectory(name) {
  const path = join(SCRATCH, name);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return path;
}

let nextPort = 21000 + (process.pid % 500) * 8;
export async function freePort() {
  for (;;) {
    const port = nextPort++;
    const free = await new Promise((done) => {
      const probe = createServer();
      probe.once('error', () => done(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)));
    });
    if (free) return port;
  }
}

function listens(port) {
  return new Promise((done) => {
    const s = new Socket();
    const end = (yes) => (s.destroy(), done(yes));
    s.once('connect', () => end(true)).once('error', () => end(false));
    s.connect(port, '127.0.0.1');
  });
}

// A running program that answers on a port. `pids` are the processes whose processor time counts.
export async function start(file, args, port, { env = {}, ready = () => listens(port), ms = 60000 } = {}) {
  const began = performance.now();
  let log = '';
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.on('data', (d) => (log = (log + d).slice(-4000)));
  const gone = new Promise((done) => child.once('close', done));
  while (!(await ready())) {
    if (child.exitCode !== null || child.signalCode || performance.now() - began > ms) {
      child.kill('SIGKILL');
      throw new Error(`${file} did not start: ${log}`);
    }
    await sleep(1);
  }
  const stop = async () => {
    child.kill('SIGTERM');
    await gone;
  };
  return { port, pids: [child.pid], startMs: performance.now() - began, stop, log: () => log };
}

// ---- the gateway ----

function cli(data, args, { input, database } = {}) {
  const where = ['--data', data, ...(database ? ['--database', database] : [])];
  const out = execFileSync(GATEWAY, [...args, ...where, '--json'], { input, stdio: ['pipe', 'pipe', 'pipe'] });
  return JSON.parse(out.toString());
}
export { cli };

// A data folder with one merchant and one project; its keys are remembered beside it, for they are shown only once.
export function makeProject(data, { webhook, database } = {}) {
  const input = 'correct horse battery\n';
  cli(data, ['merchant', 'add', '--email', 'bench@example.com', '--password-stdin'], { input, database });
  const args = ['project', 'add', '--merchant', 'bench@example.com', '--name', 'Bench'];
  args.push('--website', 'https://shop.example.com', ...(webhook ? ['--webhook', webhook] : []));
  const project = cli(data, args, { database });
  writeFileSync(join(data, 'bench.json'), JSON.stringify(project));
  return project;
}

export function projectOf(data) {
  return JSON.parse(readFileSync(join(data, 'bench.json'), 'utf8'));
}

export async function startGateway(data, more = [], env = {}) {
  const port = await freePort();
  const ops = await freePort();
  const args = ['serve', '--data', data, '--listen', `127.0.0.1:${port}`, '--base-url', `http://127.0.0.1:${port}`];
  args.push('--ops-listen', `127.0.0.1:${ops}`, '--rate-limit', 'off', ...more);
  const server = await start(GATEWAY, args, port, { env });
  return Object.assign(server, { data, ops });
}

// A counter of /metrics, which is served a moment after the payments.
export async function counter(server, name) {
  const ask = () => fetch(`http://127.0.0.1:${server.ops}/metrics`);
  const text = await (await ask().catch(() => sleep(100).then(ask))).text();
  return Number(new RegExp(`^\\S*${name} (\\d+)$`, 'm').exec(text)[1]);
}

// A PostgreSQL server of our own that writes to the disk as in production (test/postgres).
export function postgres(command, ...args) {
  return execFileSync('test/postgres', [command, '--durable', ...args], { stdio: ['ignore', 'pipe', 'inherit'] }).toString().trim();
}

// ---- baselines ----

export async function startNginx(body) {
  const port = await freePort();
  const dir = freshDirectory('nginx');
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const conf = `daemon off; worker_processes auto; pid ${process.cwd()}/${dir}/pid; error_log ${process.cwd()}/${dir}/log;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000000; server_tokens off;
${temp.map((t) => `${t}_temp_path ${process.cwd()}/${dir}/${t};`).join(' ')}
server { listen 127.0.0.1:${port}; location / { default_type application/json; return 200 '${body}'; } } }`;
  const file = join(process.cwd(), dir, 'nginx.conf');
  writeFileSync(file, conf);
  const nginx = existsSync('/usr/sbin/nginx') ? '/usr/sbin/nginx' : 'nginx';
  const server = await start(nginx, ['-c', file], port);
  const workers = () => readFileSync(`/proc/${server.pids[0]}/task/${server.pids[0]}/children`, 'utf8').trim();
  while (!workers()) await sleep(10);
  server.pids = workers().split(' ').map(Number);
  return server;
}

// ---- measuring ----

export function load(server, options) {
  const args = ['--port', server.port, ...server.pids.flatMap((p) => ['--pid', p])];
  for (const [name, value] of Object.entries(options)) args.push(`--${name}`, value);
  return new Promise((done, fail) => {
    const child = spawn(join(TOOLS, 'load'), args.map(String), { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (d) => (out += d));
    child.stderr.on('data', (d) => (err += d));
    child.once('close', (code) => {
      const line = out.trim().split('\n').pop();
      if (code !== 0 || !line) return fail(new Error(`load ${args.join(' ')}: ${err}`));
      const result = JSON.parse(line);
      if (result.errors > 0 && options.mode !== 'wait') return fail(new Error(`${result.errors} errors: ${err}`));
      done(result);
    });
  });
}

// Opens `count` waiting requests; gives back the process that holds them once all are sent.
export async function holdWaiting(server, count, urlFile) {
  const args = ['--mode', 'wait', '--port', server.port, '--connections', count, '--urls', urlFile, '--seconds', 600];
  const child = spawn(join(TOOLS, 'load'), args.map(String), { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((done, fail) => {
    child.stdout.once('data', done);
    child.once('close', () => fail(new Error('the waiting connections broke')));
  });
  return { pid: child.pid, stop: () => new Promise((done) => (child.once('close', done), child.kill('SIGTERM'))) };
}

export function residentMiB(server) {
  const status = readFileSync(`/proc/${server.pids[0]}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024;
}

export function number(file, args) {
  return Number(execFileSync(join(TOOLS, file), args.map(String)).toString().trim());
}

// A well-formed TRON address that nobody has the key of: 0x41, 20 bytes, 4 bytes of checksum, base 58.
export function address(n) {
  const sha = (data) => createHash('sha256').update(data).digest();
  const bytes = Buffer.concat([Buffer.from([0x41]), sha(`bench ${n}`).subarray(0, 20)]);
  const all = Buffer.concat([bytes, sha(sha(bytes)).subarray(0, 4)]);
  const digits = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  let text = '';
  for (let v = BigInt(`0x${all.toString('hex')}`); v > 0n; v /= 58n) text = digits[Number(v % 58n)] + text;
  return text;
}
export const fill = (data, ...args) => execFileSync(join(TOOLS, 'fill'), [data, ...args.map(String)], { stdio: 'inherit' });

export function schemaHash() {
  const hash = createHash('sha256');
  for (const name of readdirSync('sql').sort()) hash.update(readFileSync(join('sql', name)));
  return hash.digest('hex').slice(0, 12);
}

// m/44'/195'/0' of the BIP-39 test phrase "abandon … about"
export const XPUB =
  'xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6DZMNZBCd';
