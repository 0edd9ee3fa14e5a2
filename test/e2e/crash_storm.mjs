// The crash storm: the real binary under load is killed again and again, and nothing that it has acknowledged may be lost.
//   node test/e2e/crash_storm.mjs [KILLS]      (make crash-storm KILLS=50)
//   CRASH_SEED=N repeats the choices of a run: orders, actions, moments and points; the machine's timing stays its own.
// Half of the kills come at a random moment, the other half at the n-th call of a function of the C library: before it, half
// way through or after it (killer.c). Every tenth hits the very first start, on an empty folder. Clients repeat whatever they
// got no answer for, as shops do. What they were told, and what the shop's receiver has heard, is compared after each restart
// and in full after the last one. A kill -9 leaves the kernel alive, and with it what was written and not synced: losing
// that is the simulator's business.
import { isDeepStrictEqual } from 'node:util';
import path from 'node:path';
import { ROOT, Receiver, Server, freePort, hmacHex, request, run, sleep, standardSignatureOk, until } from './harness.mjs';

const KILLS = Number(process.argv[2] ?? 50);
const SEED = Number(process.env.CRASH_SEED ?? Date.now() % 1e9);
const CLIENTS = 16;
const PAUSE_MS = 100; // of a client between two orders, at most
const ALIVE_MS = 700; // until a kill at a random moment, at most
const POINT_MS = 2500; // a chosen call that has not come by then is given up, and the kill comes anyway
const OVERLAP_S = 60; // of keys that are rotated
const DRAIN_MS = 60000; // all webhooks are there so long after the last restart

// The call at which the process ends is the n-th, n up to about what it makes in a second or two.
const CALLS = { fdatasync: 100, pwrite64: 1500, ftruncate64: 2, sendmsg: 150, send: 60 };
const CALLS_AT_FIRST_START = { fdatasync: 6, pwrite64: 100, ftruncate64: 2, fsync: 3 };

// ---- choices

function random(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return ((z ^ (z >>> 16)) >>> 0) / 2 ** 32;
  };
  return {
    below: (n) => Math.floor(next() * n),
    chance: (p) => next() < p,
    pick: (list) => list[Math.floor(next() * list.length)],
    logBelow: (n) => Math.max(1, Math.round(n ** next())),
  };
}

// ---- findings

// What is checked all along, by name; each has to be looked at at least once.
const checks = new Map(
  [
    'a create is answered with the payment', 'a repeated create gives the same payment', 'an action is answered',
    'an acknowledged payment is there, unchanged', 'an acknowledged change stays', 'paid is never undone',
    'a webhook reports what has been paid', 'a payment has one webhook id and one body', 'X-Signature is by a key in force',
    'webhook-signature is by a key in force', 'every webhook arrives', 'one delivery for each paid payment, no other',
    'no order has two payments', 'no live payments share address and amount', 'an Idempotency-Key gives the stored answer',
    'the program ends only when it is killed', 'it starts again', 'doctor finds nothing bad', 'integrity_check', 'it stops in order',
  ].map((name) => [name, { looked: 0, failed: 0 }]),
);

function check(name, good, detail) {
  const entry = checks.get(name);
  entry.looked++;
  if (good) return;
  if (++entry.failed <= 5) console.log(`FAILED: ${name}: ${typeof detail === 'function' ? detail() : detail}`);
}

const figures = {
  acknowledged: 0, creates_repeated: 0, actions: 0, paid: 0, webhooks: 0, webhooks_again: 0, refused: 0, rotations: 0, replays: 0, reads: 0,
};
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
let receiver;
let running = true;

// An answer, or null when the connection broke.
function once(send) {
  return send().catch((error) => {
    if (/^no answer from/.test(error.message)) throw error; // it lives and keeps silent
    return null;
  });
}

async function insist(send, count) {
  for (;;) {
    const answer = await once(send);
    if (answer) return answer;
    if (count) figures[count]++;
    await sleep(20);
  }
}

// ---- shops

const shops = [];

class Shop {
  static async make(mode, version, webhook) {
    const project = await server.addProject({ webhook });
    await server.setProject(project.app_id, { mode });
    const shop = Object.assign(new Shop(), { id: project.app_id, mode, version });
    shop.pairs = [{ keys: project[mode], from: 0, until: Infinity }];
    shops.push(shop);
    return shop;
  }
  get keys() {
    return this.pairs.at(-1).keys;
  }
  inForce(atS) {
    return this.pairs.filter((pair) => pair.from - 1 <= atS && atS <= pair.until + 1).map((pair) => pair.keys);
  }
  // A rotation whose answer is lost is made again: nobody knows its keys.
  async rotate() {
    const from = Date.now() / 1000;
    const args = ['project', 'rotate-keys', String(this.id), '--mode', this.mode, '--overlap', String(OVERLAP_S), '--json'];
    const result = await server.cli(args);
    this.rotating = result.code !== 0 && !/key pairs/.test(result.stdout + result.stderr);
    if (result.code !== 0) return;
    for (const pair of this.pairs) pair.until = Math.min(pair.until, Date.now() / 1000 + OVERLAP_S);
    this.pairs.push({ keys: JSON.parse(result.stdout), from, until: Infinity });
    figures.rotations++;
  }
  async replayOne(choose) {
    const list = await server.cli(['webhook', 'list', '--project', String(this.id), '--limit', '20', '--json']);
    const rows = list.code === 0 ? list.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line)) : [];
    if (rows.length === 0) return;
    if ((await server.cli(['webhook', 'replay', String(choose.pick(rows).id)])).code === 0) figures.replays++;
  }
}

// ---- payments, as their clients know them

const payments = new Map(); // by payment_id
const orders = new Map(); // project and order id → payments, newest last

// `states` are those it may be in: one, or before and after while a change is under way. `version` moves with it.
class Payment {
  constructor(shop, order, told) {
    Object.assign(this, { shop, order, told, version: 0, states: ['pending waiting'], touched: false });
  }
  get id() {
    return this.told.payment_id;
  }
  allow(states) {
    this.states = states;
    this.version++;
  }
  get mayBePaid() {
    return this.states.some((state) => state.startsWith('paid'));
  }
}

const stateOf = (seen) => [seen.status, seen.substatus].filter(Boolean).join(' ');
const FIXED = ['payment_id', 'order_id', 'amount', 'pay_amount', 'currency', 'network', 'address', 'payment_url', 'is_test'];

function createRequest(shop, order) {
  const body = JSON.stringify({ order_id: order.id, amount: order.amount, description: 'Storm' });
  return () => (shop.version === 2 ? server.createV2(shop.keys, body, { idempotencyKey: order.key }) : server.create(shop.keys, body));
}

// Creates until there is an answer; gives the payment as it was told.
async function create(shop, order) {
  const answer = await insist(createRequest(shop, order), 'creates_repeated');
  const good = answer.status === 200 && answer.json?.ok && answer.json.payment.order_id === order.id;
  check('a create is answered with the payment', good, () => `${order.id}: ${answer.status} ${answer.text}`);
  return good ? answer.json.payment : null;
}

async function place(shop, order) {
  const told = await create(shop, order);
  if (!told) return null;
  figures.acknowledged++;
  const payment = new Payment(shop, order, told);
  check('a repeated create gives the same payment', !payments.has(told.payment_id), () => `${told.payment_id} was given to two orders`);
  payments.set(told.payment_id, payment);
  const key = `${shop.id} ${order.id}`;
  orders.set(key, [...(orders.get(key) ?? []), payment]);
  recent.push(payment);
  return payment;
}

async function repeat(payment) {
  const told = await create(payment.shop, payment.order);
  check('a repeated create gives the same payment', isDeepStrictEqual(told, payment.told),
    () => `${JSON.stringify(payment.told)} became ${JSON.stringify(told)}`);
}

const RESULT = { pay: 'paid', underpay: 'pending underpaid', overpay: 'paid overpaid', late: 'paid late', cancel: 'failed cancelled' };
const BETWEEN = { late: ['expired'] }; // two changes

// Presses a button until it is known to have worked; an unanswered press may have.
async function act(payment, action) {
  const [before] = payment.states;
  const after = RESULT[action];
  payment.touched = true;
  payment.allow([before, ...(BETWEEN[action] ?? []), after]);
  for (;;) {
    const answer = await once(() => server.testAction(payment.id, action));
    if (answer) {
      check('an action is answered', answer.status === 303, () => `${payment.id} ${action}: ${answer.status} ${answer.text}`);
      break;
    }
    await sleep(20);
    const seen = await insist(() => server.status(payment.id, payment.shop.keys));
    if (seen.json?.payment && stateOf(seen.json.payment) === after) break;
  }
  payment.allow([after]);
  figures.actions++;
  recent.push(payment);
}

// What a payment is now, against what was told of it. False when nobody answers.
async function verify(payment) {
  for (;;) {
    const { version } = payment;
    const answer = await once(() => server.status(payment.id, payment.shop.keys));
    if (!answer) return false;
    if (payment.version !== version) continue;
    figures.reads++;
    const seen = answer.json?.payment;
    const told = payment.told;
    const fields = payment.touched ? FIXED : [...FIXED, 'expires_at'];
    check('an acknowledged payment is there, unchanged', seen && fields.every((name) => seen[name] === told[name]),
      () => `${JSON.stringify(told)} is now ${answer.status} ${answer.text}`);
    if (!seen) return true;
    check('an acknowledged change stays', payment.states.includes(stateOf(seen)),
      () => `${told.payment_id}: ${payment.states} is now ${stateOf(seen)}`);
    if (seen.status === 'paid') payment.txid ??= seen.txid;
    if (payment.txid) check('paid is never undone', seen.txid === payment.txid && seen.paid_at, () => answer.text);
    return true;
  }
}

async function verifyAll(list, parallel) {
  const left = [...list];
  const unanswered = [];
  await Promise.all(Array.from({ length: parallel }, async () => {
    for (let payment = left.pop(); payment; payment = left.pop()) if (!(await verify(payment))) unanswered.push(payment);
  }));
  return unanswered;
}

// ---- clients

let recent = []; // created or changed since they were last looked at

const ACTIONS = [['pay'], ['pay'], ['pay'], ['pay'], ['pay'], ['underpay', 'pay'], ['underpay'], ['overpay'], ['late'], ['cancel'], []];

async function client(number) {
  const choose = random(SEED * 31 + number);
  for (let i = 0; running; i++) {
    const shop = choose.pick(shops);
    // few amounts, so that live payments meet on the pool's addresses
    const order = { id: `${number}-${i}`, key: `key-${number}-${i}`, amount: `${5 + choose.below(40)}.00` };
    const twin = choose.chance(0.1) ? create(shop, order) : null;
    const payment = await place(shop, order);
    if (!payment) return;
    if (twin) check('a repeated create gives the same payment', isDeepStrictEqual(await twin, payment.told), () => `twins of ${order.id}`);
    if (choose.chance(0.2)) await repeat(payment);
    const actions = choose.pick(ACTIONS);
    const again = choose.chance(0.5);
    if (shop.mode === 'test') {
      for (const action of actions) await act(payment, action);
      // the order of a cancelled payment is placed once more
      if (actions[0] === 'cancel' && again) {
        payment.allow(['failed cancelled', 'failed']); // its successor closes it
        const next = await place(shop, { ...order, key: `${order.key}-again` });
        if (next) await act(next, 'pay');
      }
    }
    await sleep(choose.below(PAUSE_MS));
  }
}

// ---- the receiver

const heard = new Map(); // payment_id → { id, body, good }
const webhookIds = new Map(); // webhook-id → payment_id

function hear(record, res, choose) {
  receiver.records.length = 0;
  figures.webhooks++;
  const body = JSON.parse(record.body);
  const payment = payments.get(body.payment_id);
  check('a webhook reports what has been paid', payment?.mayBePaid && body.status === 'paid' && body.order_id === payment.order.id &&
    body.pay_amount === payment.told.pay_amount && body.app_id === payment.shop.id, () => record.body);
  if (!payment) return res.writeHead(200).end();
  const id = record.headers['webhook-id'];
  const first = heard.get(body.payment_id);
  if (first) figures.webhooks_again++;
  const entry = first ?? { id, body: record.body, good: false };
  heard.set(body.payment_id, entry);
  const owner = webhookIds.get(id) ?? body.payment_id;
  webhookIds.set(id, owner);
  check('a payment has one webhook id and one body', entry.id === id && entry.body === record.body && owner === body.payment_id,
    () => `${entry.id} ${entry.body}, then ${id} ${record.body}`);
  const keys = payment.shop.inForce(Number(record.headers['webhook-timestamp']));
  check('X-Signature is by a key in force', keys.some((k) => hmacHex(k.api_secret, record.body) === record.headers['x-signature']),
    () => record.body);
  check('webhook-signature is by a key in force', keys.some((k) => standardSignatureOk(k.webhook_secret, record)), () => record.body);
  const fails = running && choose.chance(0.01);
  if (fails) figures.refused++;
  if (fails && choose.chance(0.5)) return res.destroy();
  entry.good ||= !fails;
  res.writeHead(fails ? 500 : 200).end();
}

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

async function doctor() {
  const result = await server.cli(['doctor', '--json']);
  const bad = result.stdout.split('\n').filter((line) => line.includes('"state":"bad"'));
  check('doctor finds nothing bad', result.code === 0 && bad.length === 0 && result.stdout.includes('"check":"database"'),
    () => result.stdout + result.stderr);
}

async function afterRestart(choose) {
  const list = recent;
  recent = [];
  const all = [...payments.values()];
  for (let i = 0; i < 10 && all.length; i++) list.push(choose.pick(all));
  recent.push(...(await verifyAll(new Set(list), 8)));
}

// One life: start, look, kill. Gives how it ended.
async function life(choose) {
  const { kind, point, afterMs, starting } = plan(choose);
  server.spawnWith(point);
  const { exited } = server;
  let looking = Promise.resolve();
  if (!starting) {
    await server.ready();
    if (!server.ended) looking = Promise.all([afterRestart(choose), admin(choose)]);
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
  const end = await exited;
  kills[how] = (kills[how] ?? 0) + 1;
  check('the program ends only when it is killed', end.signal === 'SIGKILL', () => `${JSON.stringify(end)}\n${server.log.slice(-2000)}`);
  await looking; // a command without a server holds the database
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

// ---- the end

async function listAll(what) {
  const rows = [];
  for (const shop of shops)
    for (let before = []; ;) {
      const page = await server.cliLines([what, 'list', '--project', String(shop.id), '--limit', '10000', ...before]);
      rows.push(...page);
      if (page.length < 10000) break;
      before = ['--before', String(page.at(-1)[what === 'payment' ? 'payment_id' : 'id'])];
    }
  return rows;
}

// Deliveries that the receiver has refused come again in 5 minutes: replayed, once each. The rest come by themselves.
async function drain(paid) {
  const replayed = new Set();
  const end = Date.now() + DRAIN_MS;
  for (;;) {
    const rows = await listAll('webhook');
    const open = rows.filter((row) => row.status !== 'delivered');
    if (open.length === 0 || Date.now() > end) {
      for (const payment of paid) check('every webhook arrives', heard.get(payment.id)?.good, () => `none for ${payment.id}`);
      check('every webhook arrives', open.length === 0, () => `${open.length} are not delivered: ${JSON.stringify(open[0])}`);
      return rows;
    }
    for (const row of open.filter((r) => r.attempts > 0 && !replayed.has(r.id))) {
      replayed.add(row.id);
      await server.cliJson(['webhook', 'replay', String(row.id)]);
    }
    await sleep(200);
  }
}

function checkDeliveries(rows, paid) {
  const count = new Map();
  for (const row of rows) count.set(row.payment_id, (count.get(row.payment_id) ?? 0) + 1);
  for (const payment of paid)
    check('one delivery for each paid payment, no other', count.get(payment.id) === 1, () => `${payment.id} has ${count.get(payment.id) ?? 0}`);
  check('one delivery for each paid payment, no other', count.size === paid.length, () => `${count.size} for ${paid.length} payments`);
}

function checkPayments(rows) {
  const open = new Map();
  const pairs = new Map();
  for (const row of rows) {
    check('no order has two payments', payments.has(row.payment_id), () => `no client was told of ${JSON.stringify(row)}`);
    if (row.status === 'pending' || row.status === 'paid') {
      const order = `${row.app_id} ${row.order_id}`;
      check('no order has two payments', !open.has(order), () => `${open.get(order)} and ${row.payment_id} for ${order}`);
      open.set(order, row.payment_id);
    }
    if (row.is_test) continue;
    const pair = `${row.address} ${row.pay_amount}`;
    check('no live payments share address and amount', !pairs.has(pair), () => `${pairs.get(pair)} and ${row.payment_id} have ${pair}`);
    pairs.set(pair, row.payment_id);
  }
  check('no order has two payments', rows.length === payments.size, () => `${rows.length} are stored, ${payments.size} were told`);
}

async function checkKeys(choose) {
  const list = [...payments.values()].filter((payment) => payment.shop.version === 2);
  for (let i = 0; i < 200 && list.length; i++) {
    const payment = choose.pick(list);
    const answer = await createRequest(payment.shop, payment.order)();
    check('an Idempotency-Key gives the stored answer', isDeepStrictEqual(answer.json?.payment, payment.told),
      () => `${JSON.stringify(payment.told)} became ${answer.text}`);
  }
}

async function finish(choose, clients) {
  server.spawnWith(null);
  await server.ready();
  check('it starts again', !server.ended, () => server.log);
  running = false;
  await Promise.all(clients);
  const unanswered = await verifyAll(payments.values(), 16);
  check('an acknowledged payment is there, unchanged', unanswered.length === 0, () => `${unanswered.length} reads got no answer`);
  const paid = [...payments.values()].filter((payment) => payment.mayBePaid);
  figures.paid = paid.length;
  checkDeliveries(await drain(paid), paid);
  for (const payment of paid) {
    const body = heard.get(payment.id)?.body;
    if (body) check('paid is never undone', JSON.parse(body).txid === payment.txid, () => `${payment.txid} is not in ${body}`);
  }
  checkPayments(await listAll('payment'));
  await checkKeys(choose);
  const how = await server.stop();
  check('it stops in order', how.code === 0, () => `${JSON.stringify(how)}\n${server.log.slice(-2000)}`);
  await doctor();
  const result = await run('sqlite3', [path.join(server.dir, 'cryptopay.db'), 'PRAGMA integrity_check'], { timeoutMs: 300000 });
  check('integrity_check', result.stdout === 'ok\n', () => result.stdout + result.stderr);
}

// ---- the run

const POOL = ['TFj86XAQYBPvwUknt9yxmbc4k3zwUC7iVW', 'TUXB7pmBB6xz7qgDgDhm2wC6MDFitnS7rg', 'TRGVdeYnLm92LodhRyCyTyxYvLqocfffRs'];
const XPUB =
  'xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6DZMNZBCd';

async function prepare(choose) {
  receiver = await Receiver.start((record, res) => hear(record, res, choose));
  server = await Victim.make();
  server.spawnWith(null);
  await server.ready();
  await Shop.make('test', 1, receiver.url);
  await Shop.make('test', 2, receiver.url);
  const pool = await Shop.make('live', 1);
  const derived = await Shop.make('live', 2);
  await server.cli(['address', 'add', String(pool.id), ...POOL]);
  await server.cli(['address', 'set-xpub', String(derived.id), XPUB]);
  await server.kill();
}

function report(beganMs) {
  const line = (table) => Object.entries(table).map(([name, n]) => `${name.replaceAll('_', ' ')} ${n}`).join(', ');
  console.log(`kills: ${line(kills)}`);
  console.log(`counted: ${line(figures)}`);
  let failed = 0;
  for (const [name, entry] of checks) {
    const bad = entry.failed > 0 || (entry.looked === 0 && KILLS >= 50);
    if (bad) failed++;
    console.log(`${bad ? 'FAILED' : 'ok    '} ${String(entry.looked).padStart(7)} × ${name}${entry.failed ? `: ${entry.failed} failed` : ''}`);
  }
  console.log(`crash storm, seed ${SEED}: ${KILLS} kills in ${((Date.now() - beganMs) / 1000).toFixed(0)} s`);
  console.log(`${checks.size - failed} passed, ${failed} failed`);
  return failed;
}

const beganMs = Date.now();
const choose = random(SEED);
console.log(`CRASH_SEED=${SEED}`);
await prepare(random(SEED + 1));
const clients = Array.from({ length: CLIENTS }, (_, number) => client(number));
for (let i = 1; i <= KILLS; i++) {
  if (i % 10 === 0) await Promise.all([birth(choose), doctor()]);
  else await life(choose);
}
await finish(choose, clients);
await receiver.close();
const failed = report(beganMs);
process.exit(failed ? 1 : 0);
