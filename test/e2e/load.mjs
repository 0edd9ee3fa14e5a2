// Shops under way, for programs that break things meanwhile (crash_storm.mjs, cluster.mjs). Clients create payments, repeat
// whatever they got no answer for, as shops do, and pay in Test mode; a receiver hears the webhooks. What they were told is
// what the gateway is measured by: verify() looks at single payments, settle() and the check…() functions at all of them.
import { isDeepStrictEqual } from 'node:util';
import { POSTGRES, isOfTestServer } from './database.mjs';
import { Receiver, hmacHex, sleep, standardSignatureOk } from './harness.mjs';

const PAUSE_MS = 100; // of a client between two orders, at most
const OVERLAP_S = 60; // of keys that are rotated
const DRAIN_MS = 90000; // all webhooks are there so long after the last fault: a lease ends meanwhile

// What the program decides: `node()` gives the server of the next request, `admin()` the one whose commands are used.
// `absent(node)` settles when a request to it is to be given up, `excused(node, sentMs)` says whether one may have taken longer
// than boundMs: the node is, or was, frozen. `answered(node, what, answer, ms)` hears of every answer, null when the connection
// broke; `refuses(choose)` says whether the receiver refuses a webhook, `sender(record)` who has sent it.
export const world = {
  running: true,
  seed: 0,
  node: null,
  admin: null,
  mayBeAway: POSTGRES, // a 503 is no fault
  boundMs: 40000,
  againMs: 20, // until a request without an answer is repeated
  absent: () => new Promise(() => {}),
  excused: () => false,
  answered: () => {},
  refuses: () => false,
  sender: () => undefined,
};

// ---- choices

export function random(seed) {
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

// What is checked all along, by name; each of these has to be looked at at least once.
const checks = new Map(
  [
    'a create is answered with the payment', 'a repeated create gives the same payment', 'an action is answered',
    'an acknowledged payment is there, unchanged', 'an acknowledged change stays', 'paid is never undone',
    'a webhook reports what has been paid', 'a payment has one webhook id and one body', 'X-Signature is by a key in force',
    'webhook-signature is by a key in force', 'every webhook arrives', 'one delivery for each paid payment, no other',
    'no order has two payments', 'no live payments share address and amount', 'an Idempotency-Key gives the stored answer',
    'doctor finds nothing bad', 'the database is sound', 'no request hangs',
  ].map((name) => [name, { looked: 0, failed: 0 }]),
);

export function expectChecks(...names) {
  for (const name of names) checks.set(name, { looked: 0, failed: 0 });
}

export function check(name, good, detail) {
  const entry = checks.get(name) ?? { looked: 0, failed: 0 };
  checks.set(name, entry);
  entry.looked++;
  if (good) return;
  if (++entry.failed <= 5) console.log(`FAILED: ${name}: ${typeof detail === 'function' ? detail() : detail}`);
}

export const figures = {
  acknowledged: 0, creates_repeated: 0, actions: 0, paid: 0, webhooks: 0, webhooks_again: 0, refused: 0, rotations: 0, replays: 0,
  reads: 0, unavailable: 0,
};

export const line = (table) => Object.entries(table).map(([name, n]) => `${name.replaceAll('_', ' ')} ${n}`).join(', ');

// Prints all checks; gives how many failed. `all`: the run was long enough for each to be looked at.
export function report(all) {
  let failed = 0;
  for (const [name, entry] of checks) {
    const bad = entry.failed > 0 || (entry.looked === 0 && all);
    if (bad) failed++;
    const found = entry.failed ? `: ${entry.failed} failed` : entry.looked ? '' : ': never looked at';
    console.log(`${bad ? 'FAILED' : 'ok    '} ${String(entry.looked).padStart(7)} × ${name}${found}`);
  }
  console.log(`${checks.size - failed} passed, ${failed} failed`);
  return failed;
}

// ---- requests

const GIVEN_UP = Symbol('given up');

// An answer; null when there was none: the connection broke, the node is frozen, or the gateway says "come back later", which
// only one whose database is elsewhere may. `late` gets the promise of a request that was given up.
async function once(what, send, late) {
  const node = world.node();
  const sentMs = Date.now();
  const request = send(node).then(
    (answer) => answer,
    (error) => {
      check('no request hangs', !/^no answer from/.test(error.message) || world.excused(node, sentMs), error.message);
      return null;
    },
  );
  const answer = await Promise.race([request, world.absent(node).then(() => GIVEN_UP)]);
  if (answer === GIVEN_UP) {
    late?.push(request);
    return null;
  }
  const ms = Date.now() - sentMs;
  if (answer) check('no request hangs', ms <= world.boundMs || world.excused(node, sentMs), `${what}: answered ${answer.status} after ${ms} ms`);
  world.answered(node, what, answer, ms);
  if (answer?.status !== 503 || !world.mayBeAway) return answer;
  figures.unavailable++;
  check('a 503 says when to come back', Number(answer.headers['retry-after']) >= 1, () => `${JSON.stringify(answer.headers)} ${answer.text}`);
  return null;
}

async function insist(what, send, count, late) {
  for (;;) {
    const answer = await once(what, send, late);
    if (answer) return answer;
    if (count) figures[count]++;
    await sleep(world.againMs);
  }
}

// ---- shops

export const shops = [];

export class Shop {
  static async make(mode, version, webhook) {
    const project = await world.admin().addProject({ webhook });
    await world.admin().setProject(project.app_id, { mode });
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
    const result = await world.admin().cli(args);
    this.rotating = result.code !== 0 && !/key pairs/.test(result.stdout + result.stderr);
    if (result.code !== 0) return;
    for (const pair of this.pairs) pair.until = Math.min(pair.until, Date.now() / 1000 + OVERLAP_S);
    this.pairs.push({ keys: JSON.parse(result.stdout), from, until: Infinity });
    figures.rotations++;
  }
  async replayOne(choose) {
    const list = await world.admin().cli(['webhook', 'list', '--project', String(this.id), '--limit', '20', '--json']);
    const rows = list.code === 0 ? list.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line)) : [];
    if (rows.length === 0) return;
    if ((await world.admin().cli(['webhook', 'replay', String(choose.pick(rows).id)])).code === 0) figures.replays++;
  }
}

// ---- payments, as their clients know them

export const payments = new Map(); // by payment_id
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
  return (node) => (shop.version === 2 ? node.createV2(shop.keys, body, { idempotencyKey: order.key }) : node.create(shop.keys, body));
}

// Creates until there is an answer; gives the payment as it was told.
async function create(shop, order) {
  const answer = await insist('create', createRequest(shop, order), 'creates_repeated', (order.late ??= []));
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

// Presses a button until it is known to have worked. A press without an answer may have worked, or may do so in a moment;
// the next one is then refused.
async function act(payment, action) {
  const [before] = payment.states;
  const after = RESULT[action];
  payment.touched = true;
  payment.allow([before, ...(BETWEEN[action] ?? []), after]);
  for (let unanswered = false; ; unanswered = true) {
    const answer = await once('action', (node) => node.testAction(payment.id, action));
    if (answer && !(unanswered && answer.status === 409)) {
      check('an action is answered', answer.status === 303, () => `${payment.id} ${action}: ${answer.status} ${answer.text}`);
      break;
    }
    await sleep(world.againMs);
    const seen = await insist('status', (node) => node.status(payment.id, payment.shop.keys));
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
    const answer = await once('status', (node) => node.status(payment.id, payment.shop.keys));
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

export async function verifyAll(list, parallel) {
  const left = [...list];
  const unanswered = [];
  await Promise.all(Array.from({ length: parallel }, async () => {
    for (let payment = left.pop(); payment; payment = left.pop()) if (!(await verify(payment))) unanswered.push(payment);
  }));
  return unanswered;
}

// ---- clients

let recent = []; // created or changed since they were last looked at

// Looks at what is new, and at a few others.
export async function verifyRecent(choose) {
  const list = recent;
  recent = [];
  const all = [...payments.values()];
  for (let i = 0; i < 10 && all.length; i++) list.push(choose.pick(all));
  recent.push(...(await verifyAll(new Set(list), 8)));
}

// A request that was given up may be carried out later all the same: it then gives the payment that there is.
const late = [];

function expectLate(order, payment) {
  for (const request of order.late.splice(0)) {
    order.loose = true;
    late.push(request.then((answer) => {
      if (answer?.status !== 200) return;
      const same = FIXED.every((name) => answer.json.payment[name] === payment.told[name]);
      check('a repeated create gives the same payment', same, () => `${JSON.stringify(payment.told)}, late: ${answer.text}`);
    }));
  }
}

const ACTIONS = [['pay'], ['pay'], ['pay'], ['pay'], ['pay'], ['underpay', 'pay'], ['underpay'], ['overpay'], ['late'], ['cancel'], []];

export async function client(number) {
  const choose = random(world.seed * 31 + number);
  for (let i = 0; world.running; i++) {
    const shop = choose.pick(shops);
    // few amounts, so that live payments meet on the pool's addresses
    const order = { id: `${number}-${i}`, key: `key-${number}-${i}`, amount: `${5 + choose.below(40)}.00` };
    const twin = choose.chance(0.1) ? create(shop, order) : null;
    const payment = await place(shop, order);
    if (!payment) return;
    if (twin) check('a repeated create gives the same payment', isDeepStrictEqual(await twin, payment.told), () => `twins of ${order.id}`);
    if (choose.chance(0.2)) await repeat(payment);
    expectLate(order, payment);
    const actions = choose.pick(ACTIONS);
    // what is given up and carried out after the cancellation opens a payment that nobody is told of
    if (order.loose && actions[0] === 'cancel') continue;
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

export const heard = new Map(); // payment_id → { id, body, good, records }
const webhookIds = new Map(); // webhook-id → payment_id

// What each payment's webhook was, every time it came; `records` have { at, good, node, port } for the program's own checks.
function hear(record, res, choose) {
  figures.webhooks++;
  const body = JSON.parse(record.body);
  const payment = payments.get(body.payment_id);
  check('a webhook reports what has been paid', payment?.mayBePaid && body.status === 'paid' && body.order_id === payment.order.id &&
    body.pay_amount === payment.told.pay_amount && body.app_id === payment.shop.id, () => record.body);
  if (!payment) return res.writeHead(200).end();
  const id = record.headers['webhook-id'];
  const first = heard.get(body.payment_id);
  if (first) figures.webhooks_again++;
  const entry = first ?? { id, body: record.body, good: false, records: [] };
  heard.set(body.payment_id, entry);
  const owner = webhookIds.get(id) ?? body.payment_id;
  webhookIds.set(id, owner);
  check('a payment has one webhook id and one body', entry.id === id && entry.body === record.body && owner === body.payment_id,
    () => `${entry.id} ${entry.body}, then ${id} ${record.body}`);
  const keys = payment.shop.inForce(Number(record.headers['webhook-timestamp']));
  check('X-Signature is by a key in force', keys.some((k) => hmacHex(k.api_secret, record.body) === record.headers['x-signature']),
    () => record.body);
  check('webhook-signature is by a key in force', keys.some((k) => standardSignatureOk(k.webhook_secret, record)), () => record.body);
  const fails = world.running && world.refuses(choose);
  entry.records.push({ at: record.at, good: !fails, node: world.sender(record), port: record.port });
  if (fails) figures.refused++;
  if (fails && choose.chance(0.5)) return res.destroy();
  entry.good ||= !fails;
  res.writeHead(fails ? 500 : 200).end();
}

export async function listen(choose) {
  const receiver = await Receiver.start((record, res) => {
    receiver.records.length = 0;
    hear(record, res, choose);
  });
  return receiver;
}

// ---- the end

export async function listAll(what) {
  const rows = [];
  for (const shop of shops)
    for (let before = []; ;) {
      const page = await world.admin().cliLines([what, 'list', '--project', String(shop.id), '--limit', '10000', ...before]);
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
      await world.admin().cliJson(['webhook', 'replay', String(row.id)]);
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
    const answer = await insist('create', createRequest(payment.shop, payment.order));
    check('an Idempotency-Key gives the stored answer', isDeepStrictEqual(answer.json?.payment, payment.told),
      () => `${JSON.stringify(payment.told)} became ${answer.text}`);
  }
}


// All faults are over: everything acknowledged is there, and every webhook comes.
export async function settle(choose, clients) {
  world.running = false;
  await Promise.all(clients);
  await Promise.all(late);
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
  return paid;
}

export async function doctor() {
  const result = await world.admin().cli(['doctor', '--json']);
  const rows = result.stdout.split('\n').filter(Boolean).map((text) => JSON.parse(text));
  const bad = rows.filter((row) => row.state === 'bad' && !isOfTestServer(row));
  check('doctor finds nothing bad', result.code < 2 && bad.length === 0 && rows.some((row) => row.check === 'database'),
    () => result.stdout + result.stderr);
}

// ---- four shops

const POOL = ['TFj86XAQYBPvwUknt9yxmbc4k3zwUC7iVW', 'TUXB7pmBB6xz7qgDgDhm2wC6MDFitnS7rg', 'TRGVdeYnLm92LodhRyCyTyxYvLqocfffRs'];
const XPUB =
  'xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6DZMNZBCd';

export async function makeShops(webhook) {
  await Shop.make('test', 1, webhook);
  await Shop.make('test', 2, webhook);
  const pool = await Shop.make('live', 1);
  const derived = await Shop.make('live', 2);
  await world.admin().cli(['address', 'add', String(pool.id), ...POOL]);
  await world.admin().cli(['address', 'set-xpub', String(derived.id), XPUB]);
}
