// Three nodes of the real binary on one PostgreSQL with a synchronous standby, under load, while everything around them fails.
//   node test/e2e/cluster.mjs      (make cluster)
//   CLUSTER_SEED=N repeats the choices of a run; the machine's timing stays its own.
// In this order: a node is paused for longer than its leases, another is killed meanwhile, the paused one wakes; sessions are
// ended; the primary is restarted, in order and as by a crash; it is lost and its standby promoted, while a node sleeps. Nobody helps:
// nodes are only started again after they were killed. Clients know all three nodes and repeat at any of them what they got no
// answer for (load.mjs). At the end everything that was acknowledged is there, and every webhook has arrived.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { damageOf, endSessions, sqlLater, urlOf } from './database.mjs';
import { ROOT, Server, freePort, request, run, sleep, until } from './harness.mjs';
import { check, client, doctor, expectChecks, figures, heard, line, listAll, listen, makeShops, payments, random, report, settle, verifyRecent, world } from './load.mjs';

const SEED = Number(process.env.CLUSTER_SEED ?? Date.now() % 1e9);
const NODES = ['A', 'B', 'C'];
const CLIENTS = 18;
const BOUND_MS = 15000; // for any request, whatever happens to the database (PG_SILENCE_MS is 10 s)
const LEASE_MS = 30000; // WEBHOOK_LEASE_MS of src/daemon/webhook_worker.h
const RECOVERED_MS = 60000; // after the end of a fault, at most
const SLOW_MS = 100; // the receiver takes so long for an answer
const PER_HOST = 4; // webhook_per_host
const HELD_MS = 6000; // and so long for one to the node that is about to be paused, so that it has some in hand

expectChecks(
  'a 503 says when to come back', 'requests are refused while there is no primary', 'every node serves again by itself',
  'nodes end only when they are told to', 'what a paused node had in hand is sent by others', 'a node that wakes begins no attempt at what others have settled',
  'a node that wakes changes nothing that others have settled', 'what is sent twice has a cause', 'a webhook is settled exactly once',
  'the receiver’s sum is the gateway’s', 'doctor names what makes a cluster unsafe', 'it stops in order',
);

const beganMs = Date.now();
const say = (text) => console.log(`${((Date.now() - beganMs) / 1000).toFixed(1).padStart(6)} s  ${text}`);

// ---- PostgreSQL

const scratch = mkdtempSync(path.join(tmpdir(), 'cryptopay-cluster-'));
const tag = randomBytes(3).toString('hex');
const [PRIMARY, STANDBY] = [`cluster-${tag}-1`, `cluster-${tag}-2`];
const TOOL = path.join(ROOT, 'test/postgres');

async function postgres(...args) {
  const result = await run(TOOL, args, { timeoutMs: 90000 });
  if (result.code !== 0) throw new Error(`test/postgres ${args.join(' ')}: ${JSON.stringify(result)}`);
  return result.stdout.trim();
}

const nodes = [];

process.on('exit', () => {
  for (const node of nodes) node.remove();
  for (const name of [PRIMARY, STANDBY]) spawnSync(TOOL, ['destroy', name], { timeout: 60000, stdio: 'ignore' });
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

// ---- nodes

class Node extends Server {
  static async make(name, database) {
    const key = ['--secret-key-file', path.join(scratch, 'secret.key')];
    // all have the address of what stands before them
    const baseUrl = nodes[0]?.baseUrl;
    const node = new Node({ database, baseUrl, args: [...key, '--rate-limit', 'no', '--log-level', 'info'] });
    nodes.push(node);
    Object.assign(node, { name, pauses: [], kills: [], servedMs: 0, timeoutMs: 100000 });
    node.env.CRYPTOPAY_SECRET_KEY_FILE = key[1];
    node.port = await freePort();
    node.opsPort = await freePort();
    node.gone = new Promise((resolve) => (node.goes = resolve));
    await node.serve();
    return node;
  }
  get paused() {
    return this.pauses.length > 0 && this.pauses.at(-1).toMs === Infinity;
  }
  pause() {
    this.pauses.push({ fromMs: Date.now(), toMs: Infinity });
    this.child.kill('SIGSTOP');
    setTimeout(this.goes, 2000);
  }
  wake() {
    this.gone = new Promise((resolve) => (this.goes = resolve));
    this.pauses.at(-1).toMs = Date.now();
    this.child.kill('SIGCONT');
  }
  async kill() {
    this.kills.push(Date.now());
    return super.kill();
  }
}

// A node that is paused is found out by the first request, and seldom asked afterwards. One that is to have webhooks in hand
// is asked often: the node that commits a change is the first to know that there is something to send.
function someNode(choose) {
  if (held && choose.chance(0.8)) return held;
  for (;;) {
    const node = choose.pick(nodes);
    if (!node.paused || Date.now() - node.pauses.at(-1).fromMs < 2000 || choose.chance(0.05)) return node;
  }
}

function unexpectedEnds() {
  for (const node of nodes)
    if (node.ended) check('nodes end only when they are told to', false, () => `${node.name}: ${JSON.stringify(node.ended)}\n${node.log.slice(-3000)}`);
    else check('nodes end only when they are told to', true);
}

// ---- what clients see, by phase

let phase;
const phases = [];

function enter(name) {
  leave();
  phase = { name, fromMs: Date.now(), served: 0, creates: 0, refused: 0, broken: 0, slowest: 0, gap: 0, lastMs: Date.now() };
  phases.push(phase);
  say(name);
}

function leave() {
  if (phase) phase.gap = Math.max(phase.gap, Date.now() - phase.lastMs);
}

function answered(node, what, answer, ms) {
  if (!answer) phase.broken++;
  else if (answer.status === 503) phase.refused++;
  else phase.served++;
  phase.slowest = Math.max(phase.slowest, answer ? ms : 0);
  if (!answer || answer.status >= 400 || what === 'status') return;
  node.servedMs = Date.now();
  if (what !== 'create') return;
  phase.creates++;
  phase.gap = Math.max(phase.gap, Date.now() - phase.lastMs);
  phase.lastMs = Date.now();
}

// Waits until every node has written something for a request sent after now.
async function recovered(what) {
  const fromMs = Date.now();
  const serving = () => nodes.every((node) => node.paused || node.servedMs > fromMs);
  await until(serving, what, RECOVERED_MS).catch(() => {});
  const late = nodes.filter((node) => !node.paused && node.servedMs <= fromMs);
  check('every node serves again by itself', late.length === 0,
    () => `${what}: ${late.map((node) => `${node.name} does not\n${node.log.slice(-3000)}`).join('\n')}`);
  phase.recovery = Date.now() - fromMs;
}

// ---- the receiver: who has sent what on which connection

const connections = new Map(); // port → { node, atMs }
let receiver;
let held; // the node whose webhooks are answered late
const open = new Map(); // node → ports of its connections on which a webhook waits for an answer
const openAt = (node) => open.get(node)?.size ?? 0;

async function listenSlowly(choose) {
  receiver = await listen(choose);
  const { answer } = receiver;
  receiver.answer = (record, res) => {
    const node = world.sender(record);
    if (!open.has(node)) open.set(node, new Set());
    open.get(node).add(record.port);
    setTimeout(() => {
      open.get(node).delete(record.port);
      answer(record, res);
    }, node && node === held ? HELD_MS : SLOW_MS);
  };
}

// The process that holds the other end of a connection from this port.
function ownerOf(port) {
  const end = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const row = readFileSync('/proc/net/tcp', 'utf8').split('\n').map((text) => text.trim().split(/\s+/)).find((f) => f[1] === end);
  if (!row) return undefined;
  const target = `socket:[${row[9]}]`;
  const holds = (node) => {
    const dir = `/proc/${node.child.pid}/fd`;
    try {
      return readdirSync(dir).some((fd) => readlinkOrNone(path.join(dir, fd)) === target);
    } catch {
      return false; // it has just been killed
    }
  };
  return nodes.find(holds);
}

function readlinkOrNone(name) {
  try {
    return readlinkSync(name);
  } catch {
    return '';
  }
}

function watchConnections() {
  receiver.server.on('connection', (socket) => {
    connections.set(socket.remotePort, { node: ownerOf(socket.remotePort), atMs: Date.now() });
  });
}

// The kernel's list is read while it changes: an entry may have been missed.
function senderOf(record) {
  const connection = connections.get(record.port);
  if (connection) connection.node ??= ownerOf(record.port);
  return connection?.node;
}

let databaseAway = []; // { fromMs, toMs }: times in which outcomes could not be written down

async function away(action) {
  const span = { fromMs: Date.now(), toMs: Infinity };
  databaseAway.push(span);
  await action();
  span.toMs = Date.now();
}

// ---- a pause longer than the leases, and a kill meanwhile

const settledRows = async (url) =>
  new Map((await sqlLater(url, 'SELECT id, status, version, attempts, webhook_id FROM deliveries WHERE status <> 0')).map(([id, ...row]) => [id, row.join(' ')]));

// Until the node waits for as many answers as it may at a time, and has taken more to send next. Once it has found the receiver
// slow it sends one at a time: then it is left alone for a while. At last one is enough.
async function keepBusy(node) {
  for (const wanted of [PER_HOST, PER_HOST, 2, 1]) {
    held = node;
    const busy = await until(() => openAt(node) >= wanted, 'busy', HELD_MS / 2).catch(() => false);
    if (busy) return sleep(HELD_MS / 4);
    say(`node ${node.name} waits for ${openAt(node)} answers, not for ${wanted}: once more`);
    held = undefined;
    await sleep(HELD_MS);
  }
  throw new Error(`node ${node.name} sends no webhooks`);
}

async function pauseOne(url) {
  const [a, b] = nodes;
  await keepBusy(a);
  const before = [...payments.values()].filter((payment) => payment.states[0].startsWith('paid'));
  enter('node A is paused for longer than its leases');
  a.pause();
  held = undefined;
  const pausedMs = Date.now();
  const busy = new Set(open.get(a));
  await sleep(3000);
  enter('node B is killed');
  await b.kill();
  await sleep(1000);
  const startMs = Date.now();
  await b.serve();
  phase.start = Date.now() - startMs;
  await recovered('after the kill of B');
  enter('the leases of A run out');
  await sleep(Math.max(0, pausedMs + LEASE_MS + 2000 - Date.now()));
  const missing = () => before.filter((payment) => !heard.get(payment.id)); // what was refused comes again in minutes
  await until(() => missing().length === 0, 'webhooks of before the pause', LEASE_MS).catch(() => {});
  check('what a paused node had in hand is sent by others', missing().length === 0,
    () => `${missing().length} of ${before.length} did not come: ${JSON.stringify(missing().map((payment) => payment.told))}`);
  const fromA = [...heard.values()].filter((entry) => entry.records.some((record) => record.node === a && record.at <= pausedMs));
  figures.taken_over = fromA.filter((entry) => entry.records.some((record) => record.node !== a && record.at > pausedMs)).length;
  check('others take over what a paused node has not settled', figures.taken_over > 0, () => `nothing of ${fromA.length}`);
  await wakeOne(url, a, busy);
}

// `busy`: connections on which it waited for an answer, so that nothing else can have been on its way.
async function wakeOne(url, a, busy) {
  enter('node A wakes');
  const settled = await settledRows(url);
  const ids = new Set([...settled.values()].map((row) => row.split(' ').at(-1)));
  const wokenMs = Date.now();
  a.wake();
  await sleep(4000);
  const used = new Set(busy);
  figures.in_flight_at_the_pause = 0;
  for (const [id, entry] of heard)
    for (const record of entry.records) {
      if (record.node !== a || record.at < wokenMs || !ids.has(entry.id)) continue;
      const first = connections.get(record.port).atMs < wokenMs && !used.has(record.port);
      used.add(record.port);
      figures.in_flight_at_the_pause++;
      check('a node that wakes begins no attempt at what others have settled', first,
        () => `payment ${id}, ${record.at - wokenMs} ms after it woke, on a connection of ${wokenMs - connections.get(record.port).atMs} ms before`);
    }
  check('a node that wakes begins no attempt at what others have settled', true);
  figures.outcomes_too_late = a.log.split('outcome came too late').length - 1;
  const { text } = await request(`${a.ops}/metrics`);
  figures.dropped_when_it_woke = Number(/^webhook_leases_over_total (\d+)$/m.exec(text)[1]);
  const now = await settledRows(url);
  for (const [id, row] of settled)
    check('a node that wakes changes nothing that others have settled', now.get(id) === row, () => `delivery ${id}: ${row} became ${now.get(id)}`);
  await recovered('after A woke');
}

// ---- the database fails

async function storm(url) {
  enter('all sessions are ended, again and again');
  figures.sessions_ended = 0;
  await away(async () => {
    for (let i = 0; i < 12; i++) {
      figures.sessions_ended += await endSessions(url);
      await sleep(150);
    }
    await recovered('after the storm');
  });
}

async function restart(mode) {
  enter(`the primary is restarted (${mode})`);
  await away(async () => {
    await postgres('restart', PRIMARY, mode);
    await recovered(`after the restart (${mode})`);
  });
}

async function failOver() {
  const c = nodes[2];
  enter('the primary is lost, and node C sleeps');
  await away(async () => {
    c.pause();
    const refused = figures.unavailable;
    await postgres('fence', PRIMARY);
    await until(() => figures.unavailable > refused + 20, 'requests are refused with 503', 2 * BOUND_MS).catch(() => {});
    check('requests are refused while there is no primary', figures.unavailable > refused + 20, () => JSON.stringify(phase));
    await doctorNames(nodes[1], /"check":"(primary|database)","state":"bad"/);
    enter('the standby is promoted');
    await postgres('promote', STANDBY);
    await recovered('after the promotion');
    enter('node C wakes');
    c.wake();
    await recovered('after C woke');
  });
}

async function doctorNames(node, what) {
  const result = await node.cli(['doctor', '--json']);
  check('doctor names what makes a cluster unsafe', what.test(result.stdout), () => `not ${what} in:\n${result.stdout}${result.stderr}`);
}

// ---- the end

// Why a webhook came again: what happened to its sender, or to the database, around the attempt before.
function causeOf(before, record) {
  const over = (span) => span.fromMs <= record.at && span.toMs >= before.at - 1000;
  const involved = before.node ? [before.node] : nodes; // a connection of a process that has just gone is nobody's
  if (!before.good) return 'refused by the receiver';
  if (involved.some((node) => node.kills.some((ms) => ms >= before.at - 1000 && ms <= record.at))) return 'its sender was killed';
  if (involved.some((node) => node.pauses.some(over))) return 'its sender was paused';
  if (databaseAway.some(over)) return 'the outcome could not be stored';
  return undefined;
}

function countRepeats() {
  const causes = {};
  for (const [id, entry] of heard)
    for (let i = 1; i < entry.records.length; i++) {
      const [before, record] = [entry.records[i - 1], entry.records[i]];
      const cause = causeOf(before, record);
      causes[cause ?? 'no cause known'] = (causes[cause ?? 'no cause known'] ?? 0) + 1;
      check('what is sent twice has a cause', cause !== undefined,
        () => `payment ${id}: by ${before.node?.name} at ${before.at - beganMs} ms, again by ${record.node?.name} at ${record.at - beganMs} ms`);
    }
  check('what is sent twice has a cause', true);
  return causes;
}

const micro = (text) => BigInt(Math.round(Number(text) * 1e6));

async function checkSums() {
  const rows = (await listAll('payment')).filter((row) => row.status === 'paid');
  const stored = rows.reduce((sum, row) => sum + micro(row.pay_amount), 0n);
  const told = [...heard.values()].reduce((sum, entry) => sum + micro(JSON.parse(entry.body).pay_amount), 0n);
  check('the receiver’s sum is the gateway’s', stored === told, () => `${stored} and ${told}, in millionths`);
}

async function checkAttempts(url) {
  const statement = `SELECT d.id, d.status, count(*) FILTER (WHERE a.http_status BETWEEN 200 AND 299), count(*), d.attempts
    FROM deliveries d LEFT JOIN attempts a ON a.delivery_id = d.id GROUP BY d.id`;
  for (const [id, status, good, all, counted] of await sqlLater(url, statement))
    check('a webhook is settled exactly once', status === '1' && good === '1' && all === counted,
      () => `delivery ${id}: status ${status}, ${good} good attempts of ${all}, ${counted} counted`);
}

async function finish(url, choose, clients) {
  enter('the load ends, all webhooks come');
  leave();
  await settle(choose, clients);
  await checkAttempts(url);
  await checkSums();
  await doctorNames(nodes[1], /"check":"standby","state":"(warning|bad)"/);
  await sqlLater(url, `ALTER ROLE cryptopay IN DATABASE cluster SET synchronous_commit = off`);
  await doctorNames(nodes[1], /"check":"durability","state":"(warning|bad)"[^\n]*synchronous_commit/);
  const damage = damageOf(undefined, url);
  check('the database is sound', damage === '', damage);
  unexpectedEnds();
  for (const node of nodes) {
    const how = await node.stop();
    check('it stops in order', how.code === 0, () => `${node.name}: ${JSON.stringify(how)}\n${node.log.slice(-3000)}`);
  }
}

function printPhases() {
  console.log('    creates   503  broken  slowest  longest gap  all nodes serve after');
  for (const p of phases)
    console.log(`${String(p.creates).padStart(11)} ${String(p.refused).padStart(5)} ${String(p.broken).padStart(7)} ${`${p.slowest} ms`.padStart(8)} ` +
      `${`${p.gap} ms`.padStart(12)} ${p.recovery === undefined ? ''.padStart(11) : `${p.recovery} ms`.padStart(11)}  ${p.name}${p.start ? ` (it was ready after ${p.start} ms)` : ''}`);
}

// ---- the run

async function prepare(choose) {
  await postgres('primary', PRIMARY);
  await postgres('standby', STANDBY, PRIMARY);
  const base = `${await postgres('url', PRIMARY, STANDBY)}`;
  const option = '?target_session_attrs=read-write';
  await sqlLater(urlOf(base + option, 'postgres'), 'CREATE DATABASE cluster');
  const url = urlOf(base + option, 'cluster');
  for (const name of NODES) await Node.make(name, url);
  await listenSlowly(choose);
  watchConnections();
  Object.assign(world, {
    seed: SEED,
    mayBeAway: true,
    boundMs: BOUND_MS,
    againMs: 50,
    node: () => someNode(choose),
    admin: () => nodes.find((node) => !node.paused && !node.ended),
    absent: (node) => node.gone,
    excused: (node, sentMs) => node.pauses.some((span) => span.toMs >= sentMs - 1000),
    answered,
    refuses: (chance) => chance.chance(0.01),
    sender: senderOf,
  });
  enter('the load begins');
  await makeShops(receiver.url);
  return url;
}

async function main() {
  console.log(`CLUSTER_SEED=${SEED}`);
  const choose = random(SEED);
  const url = await prepare(random(SEED + 1));
  await doctor();
  await doctorNames(nodes[0], /"check":"standby","state":"good"/);
  const clients = Array.from({ length: CLIENTS }, (_, number) => client(number));
  await until(() => figures.acknowledged > 200, '200 payments', 60000);
  await pauseOne(url);
  await storm(url);
  await restart('fast');
  await restart('immediate');
  await verifyRecent(choose);
  await failOver();
  unexpectedEnds();
  await finish(url, choose, clients);
  const causes = countRepeats();
  printPhases();
  console.log(`counted: ${line(figures)}`);
  console.log(`webhooks that came again: ${line(causes) || 'none'}`);
  console.log(`cluster, seed ${SEED}: ${((Date.now() - beganMs) / 1000).toFixed(0)} s`);
  return report(true);
}

let failed = 1;
try {
  failed = await main();
} catch (error) {
  printPhases();
  console.log(`counted: ${line(figures)}`);
  for (const node of nodes) console.log(`--- log of node ${node.name} (${JSON.stringify(node.ended ?? 'runs')})\n${node.log.slice(-4000)}`);
  console.log(error);
}
process.exit(failed ? 1 : 0);
