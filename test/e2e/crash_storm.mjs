// The crash storm: the real binary under load is killed again and again, and nothing that it has acknowledged may be lost.
//   node test/e2e/crash_storm.mjs [KILLS]      (make crash-storm KILLS=50; make crash-storm-postgres)
//   CRASH_SEED=N repeats the choices of a run: orders, actions, moments and points; the machine's timing stays its own.
// Half of the kills come at a random moment, the other half at the n-th call of a function of the C library: before it, half
// way through or after it (killer.c). Every tenth hits the very first start, on an empty folder and database. On PostgreSQL
// its sessions are ended now and then, too. Clients repeat whatever they got no answer for (load.mjs). What they were told,
// and what the shop's receiver has heard, is compared after each restart and in full after the last one. A kill -9 leaves
// the kernel alive, and with it what was written and not synced: losing that is the simulator's business.
import path from 'node:path';
import { POSTGRES, damageOf, endSessions } from './database.mjs';
import { ROOT, Server, freePort, request, sleep, until } from './harness.mjs';
import { check, client, doctor, expectChecks, figures, line, listen, makeShops, random, report, settle, shops, verifyRecent, world } from './load.mjs';

const KILLS = Number(process.argv[2] ?? 50);
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1e9);
const CLIENTS = 16;
const ALIVE_MS = POSTGRES ? 1200 : 700; // until a kill at a random moment, at most
const POINT_MS = 2500; // a chosen call that has not come by then is given up, and the kill comes anyway

// The call at which the process ends is the n-th, n up to about what it makes in a second or two. `commit` is the send() that
// carries a COMMIT to PostgreSQL, `committed` the recv() that brings its answer.
const CALLS = POSTGRES
  ? { commit: 200, committed: 200, send: 1500, sendmsg: 150 }
  : { fdatasync: 100, pwrite64: 1500, ftruncate64: 2, sendmsg: 150, send: 60 };
const CALLS_AT_FIRST_START = POSTGRES
  ? { commit: 3, committed: 3, send: 30, fsync: 3 }
  : { fdatasync: 6, pwrite64: 100, ftruncate64: 2, fsync: 3 };

expectChecks('the program ends only when it is killed', 'it starts again', 'it stops in order');

const kills = {};

// ---- the gateway

const victims = new Set();
process.on('exit', () => victims.forEach((victim) => victim.remove()));

class Victim extends Server {
  static async make() {
    const victim = new Victim({ args: ['--rate-limit', 'no', '--log-level', 'warn'] });
    victims.add(victim);
    victim.port = await freePort();
    victim.opsPort = await freePort();
    return victim;
  }
  // Only the server is preloaded, not the commands.
  spawnWith(point) {
    const env = this.env;
    if (point) this.env = { ...env, LD_PRELOAD: path.join(ROOT, 'build/test/killer.so'), KILLER_POINT: point };
    this.log = '';
    this.spawn();
    this.env = env;
  }
  ready() {
    return until(() => this.ended || request(`${this.ops}/readyz`).then((r) => r.status === 200, () => false), 'ready or ended', 20000, 10);
  }
}

let server;

// ---- lives of the gateway

function somePoint(choose, calls) {
  const call = choose.pick(Object.keys(calls));
  return { kind: `at ${call}`, point: `${call}:${choose.logBelow(calls[call])}:${choose.pick(['before', 'within', 'after'])}` };
}

function plan(choose) {
  if (choose.chance(0.5)) return { kind: 'random moment', afterMs: choose.below(ALIVE_MS), starting: choose.chance(0.1) };
  return somePoint(choose, CALLS);
}

async function admin(choose) {
  const shop = choose.pick(shops);
  if (shops.some((s) => s.rotating)) await shops.find((s) => s.rotating).rotate();
  else if (choose.chance(0.1)) await shop.rotate();
  else if (choose.chance(0.15)) await shop.replayOne(choose);
}

// Ends all sessions that the gateway has, a few times in one life of three.
async function disturb(choose, over) {
  if (!POSTGRES || !choose.chance(0.34)) return;
  for (let i = 1 + choose.below(4); i > 0 && !over(); i--) {
    await sleep(choose.below(200));
    figures.sessions_ended = (figures.sessions_ended ?? 0) + (await endSessions(server.database));
  }
}

// One life: start, look, kill. Gives how it ended.
async function life(choose) {
  const { kind, point, afterMs, starting } = plan(choose);
  server.spawnWith(point);
  const { exited } = server;
  let looking = Promise.resolve();
  let over = false;
  if (!starting) {
    await server.ready();
    if (!server.ended) looking = Promise.all([verifyRecent(choose), admin(choose), disturb(choose, () => over)]);
  }
  let how = kind;
  if (point) {
    const late = await Promise.race([exited.then(() => false), sleep(POINT_MS).then(() => true)]);
    if (late) how = 'call did not come';
  } else {
    await sleep(starting ? afterMs / 20 : afterMs);
    if (starting) how = 'while starting';
  }
  server.child.kill('SIGKILL');
  over = true;
  const end = await exited;
  kills[how] = (kills[how] ?? 0) + 1;
  check('the program ends only when it is killed', end.signal === 'SIGKILL', () => `${JSON.stringify(end)}\n${server.log.slice(-2000)}`);
  await looking; // a command without a server holds SQLite's database
}

// An empty folder: what the first start leaves behind when it is killed, the second one can use.
async function birth(choose) {
  const child = await Victim.make();
  const { point } = somePoint(choose, CALLS_AT_FIRST_START);
  child.spawnWith(point);
  await child.ready();
  const how = child.ended ? 'at first start' : 'after first start';
  const end = await child.kill();
  kills[how] = (kills[how] ?? 0) + 1;
  check('the program ends only when it is killed', end.signal === 'SIGKILL', () => `${point}: ${JSON.stringify(end)}\n${child.log}`);
  child.spawnWith(null);
  await child.ready();
  check('it starts again', !child.ended, () => `after ${point}: ${child.log}`);
  child.remove();
  victims.delete(child);
}

// ---- the run

async function prepare(choose) {
  const receiver = await listen(choose);
  server = await Victim.make();
  Object.assign(world, { seed: SEED, node: () => server, admin: () => server, refuses: (chance) => chance.chance(0.01) });
  server.spawnWith(null);
  await server.ready();
  await makeShops(receiver.url);
  await server.kill();
  return receiver;
}

async function finish(choose, clients) {
  server.spawnWith(null);
  await server.ready();
  check('it starts again', !server.ended, () => server.log);
  await settle(choose, clients);
  const how = await server.stop();
  check('it stops in order', how.code === 0, () => `${JSON.stringify(how)}\n${server.log.slice(-2000)}`);
  await doctor();
  const damage = damageOf(server.dir);
  check('the database is sound', damage === '', damage);
}

const beganMs = Date.now();
const choose = random(SEED);
console.log(`CRASH_SEED=${SEED}`);
const receiver = await prepare(random(SEED + 1));
const clients = Array.from({ length: CLIENTS }, (_, number) => client(number));
for (let i = 1; i <= KILLS; i++) {
  if (i % 10 === 0) await Promise.all([birth(choose), doctor()]);
  else await life(choose);
}
await finish(choose, clients);
await receiver.close();
console.log(`kills: ${line(kills)}`);
console.log(`counted: ${line(figures)}`);
console.log(`crash storm, seed ${SEED}: ${KILLS} kills in ${((Date.now() - beganMs) / 1000).toFixed(0)} s`);
process.exit(report(KILLS >= 50) ? 1 : 0);
