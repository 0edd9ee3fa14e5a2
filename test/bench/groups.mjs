// What is measured: each group starts its subjects, samples them alternately and adds rows to the table.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync, mkdirSync, cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  SCRATCH, TOOLS, XPUB, address, cli, counter, fill, freePort, freshDirectory, holdWaiting, load, makeProject, number, postgres, projectOf,
  residentMiB, schemaHash, sleep, start, startGateway, startNginx,
} from './lib.mjs';
import { chain } from './chain.mjs';

const MANY = 10000000; // stored payments of the large database
const MANY_QUICK = 200000;
const WAITING = 10000;

let serial = 0; // makes the order ids of every sample its own

function createLoad(server, project, { connections = 256, seconds, mode = 'test', ...more }) {
  const { api_key: key, api_secret: secret } = project[mode];
  const count = 40000 * (seconds + 1) * 2; // more than any machine of this kind answers
  return load(server, { mode: 'create', connections, seconds, key, secret, count, 'order-prefix': `B${serial++}_`, ...more });
}

// A gateway on an empty database, for one sample.
async function onEmpty(sample, { args = [], prepare } = {}) {
  const data = freshDirectory('empty');
  const project = makeProject(data);
  prepare?.(data, project);
  const server = await startGateway(data, args);
  try {
    return await sample(server, project);
  } finally {
    await server.stop();
    rmSync(data, { recursive: true });
  }
}

// A data folder with many payments that have ended. Filled once for each state of the schema, copied for each run.
function manyStored(settings) {
  const n = settings.full ? MANY : MANY_QUICK;
  const kept = join(SCRATCH, `stored-${n}-${schemaHash()}`);
  if (!existsSync(kept)) {
    const data = freshDirectory('filling');
    makeProject(data);
    fill(data, '--stored', n);
    renameSync(data, kept);
  }
  const data = freshDirectory('stored');
  rmSync(data, { recursive: true });
  cpSync(kept, data, { recursive: true });
  execFileSync('sync'); // or the first commit would wait for the copy
  return data;
}

const rate = (samples, median) => median(samples.map((s) => s.per_second));
const perSecond = (v, text) => `${text(v)}/s`;

function ratioRow({ rows, text, median }, name, samples, base, limits) {
  const [a, b] = [rate(samples, median), rate(base, median)];
  const value = median(samples.map((s, round) => s.per_second / base[round].per_second));
  rows.push({ name, a: perSecond(a, text), b: perSecond(b, text), value, ...limits });
}

const medianOf = (samples, field, median) => median(samples.map((s) => s[field]));

function processorTime({ rows, median }, what, samples) {
  const value = medianOf(samples, 'server_cpu_ns', median) / 1000;
  rows.push({ name: `processor time per request: ${what}`, value, unit: 'µs' });
}

async function creates(context) {
  const { settings, interleave, rows, median, text } = context;
  const seconds = settings.seconds;
  const data = manyStored(settings);
  const stored = await startGateway(data);
  const { test } = projectOf(data);
  const port = await freePort();
  const parse = await start(join(TOOLS, 'parse_server'), [String(port), test.api_key, test.api_secret], port);
  const sample = (server, project) => createLoad(server, project, { seconds });
  const open = (n) => ({ prepare: (folder) => fill(folder, '--open', n) });
  const s = await interleave({
    single: () => onEmpty(sample, { args: ['--commit-batch', '1'] }),
    parse: () => sample(parse, { test }),
    open10k: () => onEmpty(sample, open(10000)),
    empty: () => onEmpty(sample),
    open1m: () => onEmpty(sample, open(settings.full ? 1000000 : 100000)),
    stored: () => sample(stored, { test }),
    scattered: () => createLoad(stored, { test }, { seconds, scatter: settings.full ? MANY : MANY_QUICK }),
  });
  await stored.stop();
  await parse.stop();
  ratioRow(context, 'signed durable creates, 256 connections ÷ verify and parse only', s.empty, s.parse, { atLeast: 0.55 });
  ratioRow(context, 'the same ÷ one commit per request', s.empty, s.single, { atLeast: 6 });
  const many = text(settings.full ? MANY : MANY_QUICK);
  ratioRow(context, `with ${many} payments stored ÷ empty`, s.stored, s.empty, { atLeast: 0.7 });
  ratioRow(context, 'the same, order ids in no order ÷ empty', s.scattered, s.empty, {});
  ratioRow(context, 'with 10 000 open payments ÷ empty', s.open10k, s.empty, { atLeast: 0.95 });
  const open1m = text(settings.full ? 1000000 : 100000);
  ratioRow(context, `with ${open1m} open payments ÷ empty`, s.open1m, s.empty, { atLeast: 0.8 });
  processorTime(context, 'create', s.empty);
  processorTime(context, 'verify and parse only', s.parse);
  processorTime(context, 'one commit per request', s.single);
  processorTime(context, `create with ${many} stored`, s.stored);
  processorTime(context, `create with ${open1m} open`, s.open1m);
}

async function latency({ settings, interleave, rows, median, text }) {
  const { create } = await interleave({
    create: () => onEmpty((server, project) => createLoad(server, project, { connections: 64, seconds: settings.seconds })),
  });
  const [p50, p99] = ['p50_us', 'p99_us'].map((f) => medianOf(create, f, median));
  const value = median(create.map((s) => s.p99_us / s.p50_us));
  rows.push({ name: 'create, 64 connections: p99 ÷ p50', a: `${text(p99)} µs`, b: `${text(p50)} µs`, value, atMost: 5 });
}

// Live payments: an address is allocated and reserved for each.
async function live(context) {
  const { settings, interleave, rows, median, text } = context;
  const addresses = Array.from({ length: 100 }, (_, i) => address(i));
  const prepare = (addressesOf) => (data, project) => {
    cli(data, ['address', ...addressesOf(String(project.app_id))]);
    cli(data, ['project', 'set', String(project.app_id), '--mode', 'live']);
  };
  const one50 = { amount: '50.00', mode: 'live' };
  const { seconds } = settings;
  const sample = (more) => (server, project) => createLoad(server, project, { seconds, mode: 'live', ...more });
  const crowded = async (server, project) => {
    await createLoad(server, project, { seconds: 30, 'warm-ms': 0, ...one50, count: 10000 });
    return createLoad(server, project, { seconds, ...one50 });
  };
  const one = prepare((id) => ['add', id, addresses[0]]);
  const pool = prepare((id) => ['add', id, ...addresses]);
  const derived = prepare((id) => ['set-xpub', id, XPUB]);
  const s = await interleave({
    one: () => onEmpty(sample({}), { prepare: one }),
    pool: () => onEmpty(sample({}), { prepare: pool }),
    same: () => onEmpty(sample(one50), { prepare: pool }),
    crowded: () => onEmpty(crowded, { prepare: pool }),
    derived: () => onEmpty(sample({}), { prepare: derived }),
  });
  const add = (name, samples) => {
    const p50 = `p50 ${text(medianOf(samples, 'p50_us', median))} µs`;
    rows.push({ name, a: p50, value: rate(samples, median), unit: '/s' });
  };
  add('live creates, one address, different amounts', s.one);
  add(`live creates, ${addresses.length} addresses, different amounts`, s.pool);
  add(`live creates, ${addresses.length} addresses, one amount`, s.same);
  ratioRow(context, 'the same with 10 000 of them open ÷ empty', s.crowded, s.same, { atLeast: 0.95 });
  add('live creates, an address of its own each (xpub)', s.derived);
}

// Makes `n` payments and gives back a file with a URL of each.
async function paymentUrls(server, project, n, path) {
  const ids = join(SCRATCH, 'ids');
  const { api_key: key, api_secret: secret } = project.test;
  const more = { count: n, seconds: 30, 'warm-ms': 0, 'order-prefix': `U${serial++}_`, ids };
  await load(server, { mode: 'create', connections: 64, key, secret, ...more });
  const urls = join(SCRATCH, 'urls');
  const lines = readFileSync(ids, 'utf8').trim().split('\n');
  writeFileSync(urls, lines.map((id) => path(id) + '\n').join(''));
  return urls;
}

const statusPath = (id) => `/api/payment-status.php?payment_id=${id}`;

async function status(context) {
  const { settings, interleave, rows, median } = context;
  const { seconds } = settings;
  const answer = JSON.stringify({
    ok: true,
    payment: {
      payment_id: 4503599627370495, status: 'pending', amount: '50.00', pay_amount: '50.013400', currency: 'USDT',
      network: 'TRC20', address: address(0), expires_at: '2026-07-01 18:30:00', is_test: false,
    },
  });
  const nginx = await startNginx(answer);
  await onEmpty(async (server, project) => {
    const urls = await paymentUrls(server, project, 100000, statusPath);
    const get = (subject) => () => load(subject, { mode: 'get', connections: 64, seconds, urls });
    const s = await interleave({ ours: get(server), nginx: get(nginx) });
    ratioRow(context, 'payment-status ÷ nginx answering from memory', s.ours, s.nginx, { atLeast: 0.5 });
    processorTime(context, 'payment-status', s.ours);
    processorTime(context, 'nginx', s.nginx);
  });
  await nginx.stop();
}

// ---- webhooks ----

const CONCURRENCY = '64';

async function sinkRate(port, count, send) {
  const sink = spawn(join(TOOLS, 'sink'), [String(port), String(count)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  sink.stdout.on('data', (d) => (out += d));
  const ended = new Promise((done) => sink.once('close', done));
  await sleep(50);
  const stop = await send();
  const timer = setTimeout(() => sink.kill('SIGTERM'), 60000);
  await ended;
  clearTimeout(timer);
  await stop?.();
  if (!out) throw new Error(`the receiver did not get ${count} webhooks within 60 s`);
  return { per_second: Number(out) };
}

async function webhooks(context) {
  const { settings, interleave } = context;
  const count = settings.full ? 100000 : 20000;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/webhook`;
  const env = { CRYPTOPAY_ALLOW_PRIVATE_WEBHOOKS: '1' };
  const s = await interleave({
    ours: async () => {
      process.env.CRYPTOPAY_ALLOW_PRIVATE_WEBHOOKS = '1';
      const data = freshDirectory('webhooks');
      makeProject(data, { webhook: url });
      fill(data, '--webhooks', count);
      const args = ['--webhook-per-host', CONCURRENCY];
      const result = await sinkRate(port, count, async () => (await startGateway(data, args, env)).stop);
      rmSync(data, { recursive: true });
      return result;
    },
    curl: () =>
      sinkRate(port, count, () => {
        const child = spawn(join(TOOLS, 'bare_curl'), [url, String(count), CONCURRENCY], { stdio: 'ignore' });
        return () => child.kill('SIGTERM');
      }),
  });
  ratioRow(context, 'webhooks delivered ÷ bare libcurl loop', s.ours, s.curl, { atLeast: 0.7 });
}

// ---- waiting checkouts ----

async function waiting(context) {
  const { settings, interleave, rows, text, median } = context;
  const { seconds } = settings;
  await onEmpty(async (server, project) => {
    const urls = await paymentUrls(server, project, WAITING, (id) => `/pay/status?id=${id}&v=1`);
    const alone = residentMiB(server);
    const held = await holdWaiting(server, WAITING, urls);
    let value = 0;
    for (let second = 0; second < 30; second++) {
      // by then each has been answered once and asks for the second time
      await sleep(1000);
      value = Math.max(value, residentMiB(server));
    }
    const name = `${text(WAITING)} waiting checkouts: memory resident`;
    rows.push({ name, a: `before ${text(alone)} MiB`, value, unit: 'MiB', atMost: 150 });
    await held.stop();
    const other = join(SCRATCH, 'other');
    writeFileSync(other, readFileSync(urls, 'utf8').replace(/^.*\?id=(\d+).*$/gm, (_, id) => statusPath(id)));
    const get = () => load(server, { mode: 'get', connections: 64, seconds, urls: other });
    const crowded = async (sample) => {
      const crowd = await holdWaiting(server, WAITING, urls);
      try {
        return await sample();
      } finally {
        await crowd.stop();
        await sleep(500);
      }
    };
    const create = () => createLoad(server, project, { seconds });
    const s = await interleave({
      status: get, statusCrowded: () => crowded(get), create, createCrowded: () => crowded(create),
    });
    ratioRow(context, `payment-status with ${text(WAITING)} waiting ÷ without`, s.statusCrowded, s.status, {});
    ratioRow(context, `creates with ${text(WAITING)} waiting ÷ without`, s.createCrowded, s.create, {});
  });
}

// ---- start, memory, disk ----

async function starting({ settings, interleave, rows, median, text }) {
  const data = manyStored(settings);
  const ready = async (server) => {
    const result = { ms: server.startMs, mib: 0 };
    await sleep(1000);
    result.mib = residentMiB(server);
    await server.stop();
    return result;
  };
  const s = await interleave({
    stored: async () => ready(await startGateway(data)),
    empty: () => onEmpty(async (server) => ({ ms: server.startMs, mib: (await sleep(1000), residentMiB(server)) })),
  });
  const many = text(settings.full ? MANY : MANY_QUICK);
  const value = (samples, field) => medianOf(samples, field, median);
  rows.push({
    name: `start with ${many} payments stored`, a: `empty ${text(value(s.empty, 'ms'))} ms`,
    value: value(s.stored, 'ms') / 1000, unit: 's', atMost: 2,
  });
  rows.push({
    name: 'idle, memory resident', a: `empty ${text(value(s.empty, 'mib'))} MiB`,
    value: value(s.stored, 'mib'), unit: 'MiB', atMost: 32,
  });
}

async function disk({ interleave, rows, median }) {
  mkdirSync(SCRATCH, { recursive: true });
  const s = await interleave({
    fsync: () => number('fsync', [SCRATCH, 1]),
    one: () => number('sqlite_insert', [SCRATCH, 1, 1]),
    many: () => number('sqlite_insert', [SCRATCH, 64, 1]),
  });
  rows.push({ name: 'disk: 4 KiB made durable (fdatasync)', value: median(s.fsync), unit: '/s' });
  rows.push({ name: 'SQLite alone, a row and two indexes, a commit each', value: median(s.one), unit: '/s' });
  rows.push({ name: 'SQLite alone, 64 rows a commit', value: median(s.many), unit: '/s' });
}

// ---- PostgreSQL ----

// `count` nodes on a database of their own, for one sample.
async function onPostgres(count, sample) {
  const database = postgres('create');
  const first = freshDirectory('node0');
  const project = makeProject(first, { database });
  const key = ['--secret-key-file', join(first, 'secret.key')];
  const nodes = [];
  try {
    for (let i = 0; i < count; i++) {
      const data = i ? freshDirectory(`node${i}`) : first;
      nodes.push(await startGateway(data, ['--database', database, ...key]));
    }
    return await sample(nodes, project);
  } finally {
    for (const node of nodes) await node.stop();
    postgres('drop', database.split('/').pop());
  }
}

// Creates on all nodes at once, 256 connections in all; statements are counted too.
async function createOn(nodes, project, seconds) {
  const before = await Promise.all(nodes.map((n) => counter(n, 'store_statements_total')));
  const connections = 256 / nodes.length;
  const results = await Promise.all(nodes.map((n) => createLoad(n, project, { seconds, connections, 'warm-ms': 0 })));
  const after = await Promise.all(nodes.map((n) => counter(n, 'store_statements_total')));
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const requests = sum(results.map((r) => r.requests));
  const statements = sum(after.map((v, i) => v - before[i])) / requests;
  return { ...results[0], per_second: sum(results.map((r) => r.per_second)), statements };
}

async function onBothEngines(context) {
  const { settings, interleave, rows, median } = context;
  const { seconds } = settings;
  const status = async (server, project) => {
    const urls = await paymentUrls(server, project, 50000, statusPath);
    return load(server, { mode: 'get', connections: 64, seconds, urls });
  };
  postgres('start');
  try {
    const s = await interleave({
      sqlite: () => onEmpty((server, project) => createOn([server], project, seconds)),
      one: () => onPostgres(1, (nodes, project) => createOn(nodes, project, seconds)),
      two: () => onPostgres(2, (nodes, project) => createOn(nodes, project, seconds)),
      sqliteReads: () => onEmpty(status),
      reads: () => onPostgres(1, ([node], project) => status(node, project)),
    });
    ratioRow(context, 'PostgreSQL: signed durable creates, 256 connections ÷ SQLite', s.one, s.sqlite, { atLeast: 0.45 });
    ratioRow(context, 'PostgreSQL: two nodes ÷ one node', s.two, s.one, { atLeast: 0.85 });
    const statements = medianOf(s.one, 'statements', median);
    // three of its own; the webhook worker and the sweep look around a few times a second
  rows.push({ name: 'PostgreSQL: statements per create', value: statements, atMost: 3.2 });
    ratioRow(context, 'PostgreSQL: payment-status, 64 connections ÷ SQLite', s.reads, s.sqliteReads, { atLeast: 0.5 });
    processorTime(context, 'create, PostgreSQL apart', s.one);
    processorTime(context, 'payment-status, PostgreSQL apart', s.reads);
  } finally {
    postgres('stop');
  }
}

export const groups = { disk, creates, latency, live, status, webhooks, waiting, starting, chain, postgres: onBothEngines };
