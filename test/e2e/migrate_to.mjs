// A gateway moves from SQLite to PostgreSQL, and is killed and disturbed on the way. `make migrate` runs this with a
// PostgreSQL server (TEST_DATABASE).
//   PAYMENTS=1000000 MOVE_KILLS=3 for the long form of the first test
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

const BASE = process.env.TEST_DATABASE;
if (!BASE) throw new Error('TEST_DATABASE is not set: make migrate, or test/postgres run node --test test/e2e/migrate_to.mjs');
delete process.env.TEST_DATABASE; // the gateways of the harness begin on SQLite
const { sql, urlOf } = await import('./database.mjs');
const { BINARY, Receiver, ROOT, Server, freePort, sleep, until } = await import('./harness.mjs');

const PAYMENTS = Number(process.env.PAYMENTS ?? 50000);
const KILLS = Number(process.env.MOVE_KILLS ?? 3);
const XPUB = 'xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6DZMNZBCd';
const scratch = mkdtempSync(path.join(tmpdir(), 'cryptopay-migrate-'));
const databases = [];
const started = []; // servers: one that a failed test leaves would keep this process waiting
after(() => {
  for (const server of started) server.remove();
  rmSync(scratch, { recursive: true, force: true });
  for (const name of databases)
    try {
      sql(urlOf(BASE, 'postgres'), `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    } catch (error) {
      process.stderr.write(`${error.message}\n`);
    }
});

function newDatabase() {
  const name = `cp_move_${randomBytes(6).toString('hex')}`;
  sql(urlOf(BASE, 'postgres'), `CREATE DATABASE ${name}`);
  databases.push(name);
  return urlOf(BASE, name);
}

function lite(dir, statement) {
  const result = spawnSync('sqlite3', [path.join(dir, 'cryptopay.db'), statement], { encoding: 'utf8', timeout: 600000, maxBuffer: 1 << 28 });
  assert.equal(result.status, 0, result.stderr);
  return result.stdout.trim().split('\n').filter(Boolean);
}

// ---- the command

function start(dir, url, { env = {}, args = [] } = {}) {
  const child = spawn(BINARY, ['migrate-to', url, '--data', dir, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const move = { child, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (data) => (move.stdout += data));
  child.stderr.setEncoding('utf8').on('data', (data) => (move.stderr += data));
  move.ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ ...move, code, signal })));
  return move;
}

const move = (dir, url, options) => start(dir, url, options).ended;

async function moveOk(dir, url) {
  const result = await move(dir, url, { args: ['--json'] });
  assert.equal(result.code, 0, result.stdout + result.stderr);
  assert.equal(result.stderr, '', 'nothing is told where nobody asked');
  return JSON.parse(result.stdout);
}

const killAt = (point) => ({ LD_PRELOAD: path.join(ROOT, 'build/test/killer.so'), KILLER_POINT: point });

// ---- what the tests look at with eyes of their own

const hashOf = (file) => (existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex') : 'none');
// An empty log may appear beside the database: it says nothing.
const emptyHash = createHash('sha256').digest('hex');
function filesOf(dir) {
  const log = hashOf(path.join(dir, 'cryptopay.db-wal'));
  return { database: hashOf(path.join(dir, 'cryptopay.db')), log: log === emptyHash ? 'none' : log };
}

const tables = (dir) => lite(dir, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name");

// A table's rows as text, hashed by programs of either engine.
function rowsOf(command, args) {
  const result = spawnSync('sh', ['-c', '"$@" | sha256sum', 'sh', command, ...args], { encoding: 'utf8', timeout: 900000 });
  assert.equal(result.status, 0, result.stderr);
  assert.equal(result.stderr, '');
  return result.stdout;
}

function compareTable(dir, url, table) {
  const columns = lite(dir, `SELECT name || ' ' || type || ' ' || pk FROM pragma_table_info('${table}')`).map((line) => line.split(' '));
  const keys = columns.filter(([, , pk]) => pk !== '0').sort((a, b) => a[2] - b[2]).map(([name]) => name);
  const here = columns.map(([name, type]) => (type === 'BLOB' ? `lower(hex(${name}))` : name)).join(', ');
  const there = columns.map(([name, type]) => (type === 'BLOB' ? `encode(${name}, 'hex')` : name)).join(', ');
  const where = table === 'meta' ? "WHERE name NOT IN ('schema_version', 'oldest_binary')" : '';
  const rest = `FROM ${table} ${where} ORDER BY ${keys.join(', ')}`;
  const source = rowsOf('sqlite3', ['-list', '-separator', '\u001f', '-nullvalue', '\u001e', path.join(dir, 'cryptopay.db'), `SELECT ${here} ${rest}`]);
  const psql = ['-X', '-q', '-A', '-t', '-F', '\u001f', '-P', 'null=\u001e', '-v', 'FETCH_COUNT=10000', '-d', url, '-c', `SELECT ${there} ${rest}`];
  assert.equal(rowsOf('psql', psql), source, `${table} differs`);
}

function compareAll(dir, url) {
  for (const table of tables(dir)) compareTable(dir, url, table);
  for (const line of lite(dir, 'SELECT name, seq FROM sqlite_sequence')) {
    const [table, seq] = line.split('|');
    const [[next]] = sql(url, `SELECT nextval(pg_get_serial_sequence('${table}', 'id'))`);
    assert.equal(Number(next), Number(seq) + 1, `${table}: the next number`);
  }
}

// ---- gateways

function serverOn(dir, options) {
  const server = new Server({ dir, args: ['--rate-limit', 'no', '--allow-http-webhooks', 'yes'], ...options });
  started.push(server);
  return server;
}

async function serveOn(dir, options) {
  const server = serverOn(dir, options);
  server.port = options?.port ?? (await freePort());
  server.opsPort = await freePort();
  await server.serve();
  return server;
}

// With something in every table that the API can fill, stopped, and what it answered.
async function fullGateway(receiver) {
  const server = await Server.start({ args: ['--rate-limit', 'no', '--allow-http-webhooks', 'yes'] });
  const shop = await server.addProject({ webhook: receiver.url, name: 'Кофе ☕ und "Kuchen"' });
  const live = await server.addProject({ name: 'Live' });
  const derived = await server.addProject({ name: 'Derived' });
  const ids = [];
  const make = async (keys, order) => {
    const payment = await server.createOk(keys, order);
    ids.push([payment.payment_id, keys]);
    return payment.payment_id;
  };
  for (const action of ['pay', 'underpay', 'overpay', 'cancel', 'expire', null])
    for (let i = 0; i < 5; i++) {
      const id = await make(shop.test, { description: `№ ${i} "${action}" \\ 漢字`, amount: `${10 + i}.5` });
      if (action) await server.testAction(id, action);
    }
  const list = ['TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH', 'TAbQ5zax2ZLpPPNwzXPkCH3CDexaj3ns9t'];
  await server.cli(['address', 'add', String(live.app_id), list[0]]);
  await server.cli(['address', 'set-xpub', String(derived.app_id), XPUB]);
  for (const project of [live, derived]) {
    await server.setProject(project.app_id, { mode: 'live' });
    for (let i = 0; i < 5; i++) await make(project.live);
  }
  for (const verb of ['add', 'remove', 'release']) // its number is used up
    assert.equal((await server.cli(['address', verb, String(live.app_id), list[1]])).code, 0);
  const again = { body: JSON.stringify({ order_id: 'again', amount: '7.77' }), key: 'the-same' };
  const first = await server.createV2(shop.test, again.body, { idempotencyKey: again.key });
  assert.equal(first.status, 200, first.text);
  again.answer = first.json.payment;
  await until(() => receiver.records.length >= 5, 'attempts at webhooks', 60000);
  await sleep(300); // and their outcomes
  await server.kill(); // the log of the database stays as it is
  return { server, shop, ids, again };
}

// What only a chain fills.
const CHAIN_ROWS = `
  INSERT INTO chain VALUES (1, 'main', '00', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t', 1001, x'00ff', 5, '{"n":27}', 1020, 6, 1001, 7, 0, 0, NULL, 0, 0);
  INSERT INTO transfers (txid, log_index, is_test, value, block_us, block_number, address_id, project_id, from_address, reason) VALUES ('ab', 3, 0, 7000000, 5, 1001, 1, 2, 'TAbQ5zax2ZLpPPNwzXPkCH3CDexaj3ns9t', 1);
  INSERT INTO handed_over VALUES ('TAbQ5zax2ZLpPPNwzXPkCH3CDexaj3ns9t', 5);
  INSERT INTO claims (payment_id, txid, at_us) VALUES (1, 'ab', 5);
  INSERT INTO accounts (project_id, kind, balance) VALUES (2, 2, 7000000), (2, 3, -7000000);
  INSERT INTO journals (kind, transfer_id, at_us) SELECT 2, MAX(id), 5 FROM transfers;
  INSERT INTO entries VALUES (1, 1, 7000000), (1, 2, -7000000);
  INSERT INTO proofs SELECT MAX(id), x'01fe' FROM transfers;
  INSERT INTO headers VALUES (1001, x'0a', x'0b')`;

const statusesOf = (server, ids) => Promise.all(ids.map(async ([id, keys]) => (await server.status(id, keys)).json.payment));

async function refusesToStart(dir, url, why) {
  const args = ['project', 'list', '--data', dir, ...(url ? ['--database', url] : [])];
  const result = spawnSync(BINARY, args, { encoding: 'utf8', timeout: 30000 });
  assert.notEqual(result.status, 0, result.stdout);
  assert.match(result.stderr, why);
}

// ---- tests

// Rows of the three large tables that have a number.
function arrived(url) {
  try {
    return Number(sql(url, 'SELECT SUM(n) FROM (SELECT MAX(id) AS n FROM payments UNION ALL SELECT MAX(id) FROM events UNION ALL SELECT MAX(id) FROM deliveries) AS t')[0]?.[0] ?? 0);
  } catch {
    return 0; // there are no tables yet
  }
}

let receiver;
let full; // never started again: tests take copies
before(async () => {
  receiver = await Receiver.start(500);
  full = await fullGateway(receiver);
});
after(() => {
  full?.server.remove();
  return receiver?.close();
});

let copies = 0;
function copyOfFull() {
  const dir = path.join(scratch, `copy-${++copies}`);
  cpSync(full.server.dir, dir, { recursive: true, preserveTimestamps: true, filter: (file) => !file.endsWith('.sock') });
  return dir;
}
// A node of its own on the target, to be refused there.
const otherNode = (dir) => {
  const node = path.join(scratch, `node-${randomBytes(4).toString('hex')}`);
  cpSync(path.join(dir, 'secret.key'), path.join(node, 'secret.key'));
  return node;
};

test(`${PAYMENTS} payments, killed ${KILLS} times`, async () => {
  const server = await Server.start();
  const project = await server.addProject();
  await server.stop();
  const filled = spawnSync(path.join(ROOT, 'build/bench/fill'), [server.dir, '--stored', String(PAYMENTS)], { encoding: 'utf8' });
  assert.equal(filled.status, 0, filled.stderr);
  lite(server.dir, `INSERT INTO deliveries (payment_id, project_id, is_test, event, webhook_id, url, host, body, status, attempts, round_attempts,
      created_us, next_us, delivered_us, version)
    SELECT id, 1, 1, 1, printf('msg_%027d', id), 'https://shop.example.com/webhook.php', 'shop.example.com', '{"payment_id":' || id || '}', 1, 1, 1,
      paid_us, NULL, paid_us + 1, 2 FROM payments WHERE status = 1`);
  lite(server.dir, "INSERT INTO attempts SELECT id, 1, created_us, 20000, 200, NULL, 'OK' FROM deliveries");
  const rows = tables(server.dir).reduce((sum, table) => sum + Number(lite(server.dir, `SELECT COUNT(*) FROM ${table}`)[0]), 0);
  const before = filesOf(server.dir);
  const url = newDatabase();
  const began = Date.now();
  for (let kill = 1; kill <= KILLS; kill++) {
    const half = start(server.dir, url);
    const share = (kill / (KILLS + 1)) * PAYMENTS * 2.9;
    await until(() => half.child.exitCode !== null || arrived(url) >= share, `kill ${kill}`, 600000, 10);
    assert.equal(half.child.exitCode, null, 'it was killed before its end');
    half.child.kill('SIGKILL');
    assert.equal((await half.ended).signal, 'SIGKILL');
    await refusesToStart(otherNode(server.dir), url, /migrate-to again/);
  }
  const moved = await moveOk(server.dir, url);
  const seconds = (Date.now() - began) / 1000;
  console.log(`# ${rows} rows moved and compared in ${seconds.toFixed(1)} s, ${KILLS} kills included: ${Math.round(rows / seconds)} rows/s`);
  assert.equal(moved.tables.find((t) => t.table === 'payments').rows, PAYMENTS);
  assert.deepEqual(filesOf(server.dir), before);
  compareAll(server.dir, url);
  const there = await serveOn(server.dir, { database: url });
  const next = await there.createOk(project.test);
  const last = Number(sql(url, 'SELECT MAX(id) FROM payments')[0][0]);
  assert.ok(last > PAYMENTS, 'new payments are numbered after the old ones');
  assert.equal((await there.status(next.payment_id, project.test)).status, 200);
  await there.close();
  server.remove();
});

test('a gateway goes on where it was: numbers, answers, webhooks', async () => {
  const dir = copyOfFull();
  const url = newDatabase();
  const old = await serveOn(dir);
  const busy = await move(dir, url);
  assert.equal(busy.code, 1);
  assert.match(busy.stderr, /stop the server first/);
  const before = await statusesOf(old, full.ids);
  await old.stop();
  const waiting = lite(dir, 'UPDATE deliveries SET next_us = 1 WHERE status = 0; SELECT COUNT(*) FROM deliveries WHERE status = 0');
  assert.ok(Number(waiting[0]) > 0, 'webhooks wait');
  lite(dir, CHAIN_ROWS);
  const files = filesOf(dir);
  const told = await move(dir, url, { args: ['--progress'], env: { CRYPTOPAY_DATABASE: url } }); // as set for afterwards
  assert.equal(told.code, 0, told.stderr);
  assert.match(told.stderr, /copying \w+: \d+ of \d+ rows.*\n(.*\n)*comparing \w+: \d+ of \d+ rows/);
  assert.match(told.stdout, /cryptopay serve --data .* --database/);
  assert.deepEqual(filesOf(dir), files);
  compareAll(dir, url);
  for (const table of tables(dir).filter((name) => !['leases', 'writers'].includes(name)))
    assert.notEqual(lite(dir, `SELECT COUNT(*) FROM ${table}`)[0], '0', `something is in ${table}, or this test shows nothing`);
  await refusesToStart(dir, undefined, /PostgreSQL/);
  receiver.answer = 200;
  const there = await serveOn(dir, { database: url, port: old.port }); // links have the port in them
  assert.deepEqual(await statusesOf(there, full.ids), before);
  const again = await there.createV2(full.shop.test, full.again.body, { idempotencyKey: full.again.key });
  assert.equal(again.json.payment.payment_id, full.again.answer.payment_id);
  const left = () => sql(url, 'SELECT COUNT(*) FROM deliveries WHERE status = 0')[0][0];
  await until(() => left() === '0', 'webhooks that waited are delivered', 30000, 200);
  const fresh = await there.createOk(full.shop.test);
  assert.ok(!full.ids.some(([id]) => id === fresh.payment_id));
  assert.deepEqual(filesOf(dir), files);
  await there.stop();
  const once = await moveOk(dir, url);
  assert.equal(once.tables, undefined, 'moved already: nothing is done');
  const elsewhere = await move(dir, newDatabase());
  assert.equal(elsewhere.code, 1);
  assert.match(elsewhere.stderr, /already/);
  receiver.answer = 500;
});

test('killed at chosen calls', async () => {
  const points = [];
  for (const n of [5, 15, 31, 56, 80, 100]) points.push(`send:${n}:${['before', 'within', 'after'][n % 3]}`);
  for (const when of ['before', 'after']) points.push(`fsync:1:${when}`, `fsync:2:${when}`);
  let killed = 0;
  for (const point of points) {
    const dir = copyOfFull();
    const files = filesOf(dir);
    const url = newDatabase();
    const half = await move(dir, url, { env: killAt(point) });
    killed += half.signal === 'SIGKILL';
    const [[begun]] = sql(url, "SELECT COUNT(*) FROM pg_class WHERE relname = 'meta'");
    const unfinished = begun === '1' && sql(url, "SELECT name FROM meta WHERE name = 'move_unfinished'").length === 1;
    if (unfinished) await refusesToStart(otherNode(dir), url, /migrate-to again/);
    if (point.startsWith('fsync')) assert.ok(half.signal === 'SIGKILL', `${point} is reached`);
    await moveOk(dir, url);
    assert.deepEqual(filesOf(dir), files, point);
    compareAll(dir, url);
    await refusesToStart(dir, undefined, /PostgreSQL/);
  }
  assert.ok(killed >= points.length - 2, `${killed} of ${points.length} calls were reached`);
});

test('a session that the server ends: said, and gone on', async () => {
  const dir = copyOfFull();
  const url = newDatabase();
  const name = new URL(url).pathname.slice(1);
  // whatever a column can hold: the outermost numbers, sums beyond 64 bits, nothing at all
  const least = '-9223372036854775807 - 1';
  lite(dir, `INSERT INTO events (id, payment_id, at_us, kind, detail) VALUES (${least}, 1, ${least}, '', NULL), (-7, 1, ${least}, '\\N', x'' || '')`);
  lite(dir, "INSERT INTO idempotency VALUES (1, 1, '', x'', '𝄞\t\\t\n\\.', 9223372036854775807), (1, 1, '2', x'00ff', '', 9223372036854775807)");
  lite(dir, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
    INSERT INTO events (payment_id, at_us, kind, detail) SELECT 1, i, 'created', printf('%0100d', i) FROM n`);
  const half = start(dir, url);
  await until(() => half.child.exitCode !== null || arrived(url) > 1000, 'some rows arrived', 60000, 10);
  assert.ok(!readFileSync(`/proc/${half.child.pid}/cmdline`, 'utf8').includes('postgres://'), 'other users see no URL');
  sql(urlOf(BASE, 'postgres'), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
  const ended = await half.ended;
  assert.equal(ended.code, 3, ended.stderr);
  assert.match(ended.stderr, /run this again/);
  const moved = await moveOk(dir, url);
  compareAll(dir, url);
  const sums = (table) => moved.tables.find((t) => t.table === table).sums;
  const events = lite(dir, 'SELECT at_us FROM events').reduce((sum, at) => sum + BigInt(at), 0n);
  assert.equal(sums('events').at_us, String(events));
  assert.ok(BigInt(sums('idempotency').created_us) > 2n ** 63n);
});

// A move that is stopped halfway: the events have not all arrived.
async function halfMoved() {
  const dir = copyOfFull();
  const url = newDatabase();
  await move(dir, url, { env: killAt('fsync:1:before') }); // all has arrived, nothing is switched
  assert.equal(sql(url, "SELECT name FROM meta WHERE name = 'move_unfinished'").length, 1);
  return { dir, url };
}

test('a target that somebody has changed is named, with the row', async () => {
  const changes = [
    ['UPDATE payments SET amount = amount + 1 WHERE id = 7', /payments differs.*row id 7 /],
    ['DELETE FROM events WHERE id = 5', /events differs.*row id 5 /],
    ["INSERT INTO events (id, payment_id, at_us, kind) VALUES (0, 1, 1, 'x')", /events differs.*row id 1 /],
    ["UPDATE meta SET value = 'x' WHERE name = 'payment_id_key'", /another gateway/],
    ["SELECT setval(pg_get_serial_sequence('payments', 'id'), 1)", null], // is set anew
  ];
  for (const [change, why] of changes) {
    const { dir, url } = await halfMoved();
    sql(url, change);
    const result = await move(dir, url);
    assert.equal(result.code, why ? 1 : 0, result.stderr);
    if (why) assert.match(result.stderr, why);
    else compareAll(dir, url);
    if (why) assert.match(readFileSync(path.join(dir, 'engine'), 'utf8'), /^sqlite/);
  }
});

test('a source that was used meanwhile is moved from the beginning', async () => {
  const { dir, url } = await halfMoved();
  const again = await serveOn(dir);
  await again.testAction(full.ids.at(-1)[0], 'pay');
  const made = await again.createOk(full.shop.test);
  await again.stop();
  await moveOk(dir, url);
  compareAll(dir, url);
  const there = await serveOn(dir, { database: url });
  assert.equal((await there.status(made.payment_id, full.shop.test)).status, 200);
  await there.stop();
});

test('text that PostgreSQL cannot keep is named', async () => {
  for (const bytes of ["x'61FF62'", "x'610062'"]) {
    const dir = copyOfFull();
    const url = newDatabase();
    lite(dir, `UPDATE attempts SET excerpt = CAST(${bytes} AS TEXT) WHERE delivery_id = 2`);
    const result = await move(dir, url);
    assert.equal(result.code, 1);
    assert.match(result.stderr, /attempts, row delivery_id 2, number 1: what is in excerpt/);
    lite(dir, 'UPDATE attempts SET excerpt = NULL WHERE delivery_id = 2');
    await moveOk(dir, url);
    compareAll(dir, url);
  }
});

test('only an empty database of PostgreSQL is taken', async () => {
  const dir = copyOfFull();
  const foreign = newDatabase();
  sql(foreign, 'CREATE TABLE orders (x INTEGER)');
  const refused = await move(dir, foreign);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /not empty \(orders\)/);
  assert.deepEqual(sql(foreign, "SELECT relname FROM pg_class WHERE relname = 'meta'"), [], 'nothing was made there');

  const used = newDatabase();
  const node = await serveOn(path.join(scratch, 'other-gateway'), { database: used });
  const taken = await move(dir, used);
  assert.equal(taken.code, 1);
  assert.match(taken.stderr, /another gateway/);
  await node.stop();

  const old = copyOfFull();
  lite(old, "UPDATE meta SET value = '1' WHERE name = 'schema_version'");
  const early = await move(old, newDatabase());
  assert.equal(early.code, 1);
  assert.match(early.stderr, /start the server once/);

  const usage = await move(dir, 'mysql://x');
  assert.equal(usage.code, 2);
  const away = await move(dir, `postgres://me:hidden-word@127.0.0.1:${await freePort()}/x`);
  assert.equal(away.code, 3);
  assert.ok(!(away.stdout + away.stderr).includes('hidden-word'));
  const nothing = await move(path.join(scratch, 'nowhere'), newDatabase());
  assert.equal(nothing.code, 3);
  assert.match(nothing.stderr, /no database/);
  assert.match(readFileSync(path.join(dir, 'engine'), 'utf8'), /^sqlite/);
});
