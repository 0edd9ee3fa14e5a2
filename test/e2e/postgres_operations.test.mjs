// Operating it on PostgreSQL: whose folder and whose key, starting without a database, losing it, doctor, backup and
// what must be skipped after one was brought back. On a server of this test's own, which it stops and restarts.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { sql, urlOf } from './database.mjs';
import { BINARY, ROOT, Server, freePort, request, run, sleep, until } from './harness.mjs';

const PASSWORD = 'correct horse battery staple';
const scratch = mkdtempSync(path.join(tmpdir(), 'cryptopay-postgres-'));
const name = `operations-${randomBytes(4).toString('hex')}`;
let base;

function postgres(...args) {
  const result = spawnSync(path.join(ROOT, 'test/postgres'), args, { encoding: 'utf8', timeout: 120000 });
  assert.equal(result.status, 0, `test/postgres ${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result.stdout.trim();
}

before(() => {
  base = postgres('primary', name);
});
after(() => {
  postgres('destroy', name);
  rmSync(scratch, { recursive: true, force: true });
});

let made = 0;
function newDatabase() {
  const database = `db${++made}`;
  sql(urlOf(base, 'postgres'), `CREATE DATABASE ${database}`);
  return urlOf(base, database);
}
const newFolder = () => path.join(scratch, `data-${++made}`);

// A command on a folder; `database` may be undefined.
function cli(dir, database, args, options = {}) {
  const env = database ? { CRYPTOPAY_DATABASE: database } : {};
  return run(BINARY, [...args, '--data', dir], { timeoutMs: 60000, ...options, env: { ...env, ...options.env } });
}
async function ok(dir, database, args, options) {
  const result = await cli(dir, database, args, options);
  assert.equal(result.code, 0, `${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}
const addMerchant = (dir, database) =>
  ok(dir, database, ['merchant', 'add', '--email', 'a@example.com', '--password-stdin'], { input: PASSWORD });
const addProject = async (dir, database, website = `https://shop-${++made}.example.com`) =>
  JSON.parse(await ok(dir, database, ['project', 'add', '--merchant', 'a@example.com', '--name', 'Shop', '--website', website, '--json']));

// A gateway set up by commands alone: { dir, database, project }.
async function newGateway() {
  const [dir, database] = [newFolder(), newDatabase()];
  await addMerchant(dir, database);
  return { dir, database, project: await addProject(dir, database) };
}

// `serve` that is expected to refuse: what it says, and its exit status.
async function refusal(dir, database, args = []) {
  const { code, stderr } = await cli(dir, database, ['serve', '--listen', `127.0.0.1:${await freePort()}`, ...args], { timeoutMs: 30000 });
  return { code, said: stderr };
}

const tables = (database) => Number(sql(database, "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'")[0][0]);

describe('the password', () => {
  const secret = 'hunter2';
  const withSecret = (url) => url.replace('cryptopay@', `cryptopay:${secret}@`);
  test('is not in what settings show, nor in what refuses them', async () => {
    const url = `postgres://u:${secret}@db.example.com/pay?sslmode=verify-full`;
    for (const more of [[], ['--json']]) {
      const { code, stdout, stderr } = await run(BINARY, ['serve', '--print-config', ...more], { env: { CRYPTOPAY_DATABASE: url } });
      assert.equal(code, 0);
      assert.ok(stdout.includes('postgres://u:***@db.example.com/pay?sslmode=verify-full'), stdout);
      assert.ok(!(stdout + stderr).includes(secret));
    }
    for (const bad of [`postgres://u:${secret}/@h/db`, `mysql://u:${secret}@h/db`, `postgres://u:${secret}@h/db?sslmod=x`]) {
      const { code, stdout, stderr } = await run(BINARY, ['project', 'list', '--database', bad]);
      assert.equal(code, 2);
      assert.match(stderr, /--database: /);
      assert.ok(!(stdout + stderr).includes(secret));
    }
  });
  test('is not in logs, errors, answers or the list of processes', async () => {
    const { dir, database } = await newGateway();
    const server = await Server.start({ dir, database: withSecret(database) });
    try {
      const seen = readFileSync(`/proc/${server.child.pid}/cmdline`, 'latin1');
      assert.ok(seen.includes('--database') && !seen.includes(secret), seen);
      for (const args of [['doctor'], ['project', 'list'], ['backup', 'x.db']])
        for (const more of [[], ['--json']]) {
          const { stdout, stderr } = await server.cli([...args, ...more]);
          assert.ok(!(stdout + stderr).includes(secret), stdout + stderr);
        }
    } finally {
      await server.stop();
    }
    assert.match(server.log, /"database":"postgres:\/\/cryptopay:\*\*\*@/);
    assert.ok(!server.log.includes(secret));
  });
});

describe('a folder and its database', () => {
  test('the folder has no database, and notes which one it belongs to', async () => {
    const { dir, database } = await newGateway();
    assert.deepEqual(readdirSync(dir).sort(), ['engine', 'lock', 'secret.key']);
    assert.match(readFileSync(path.join(dir, 'engine'), 'utf8'), /^postgres\n[0-9a-f]{32}\n$/);
    const { code, stderr } = await cli(dir, undefined, ['project', 'list']);
    assert.equal(code, 3);
    assert.match(stderr, /another engine, PostgreSQL: name its database/);
    assert.equal((await refusal(dir, undefined)).code, 1);
    await ok(dir, database, ['project', 'list']);
  });
  test('a folder with data in SQLite is not used for PostgreSQL', async () => {
    const dir = newFolder();
    await addMerchant(dir);
    const { code, said } = await refusal(dir, newDatabase());
    assert.equal(code, 1);
    assert.match(said, /another engine, SQLite: move it with: cryptopay migrate-to URL/);
    rmSync(path.join(dir, 'engine'));
    assert.match((await refusal(dir, newDatabase())).said, /another engine, SQLite/);
    await ok(dir, undefined, ['project', 'list']);
  });
  test('another database, or an empty one, is refused and left as it is', async () => {
    const [one, two] = [await newGateway(), await newGateway()];
    writeFileSync(path.join(one.dir, 'other.key'), readFileSync(path.join(two.dir, 'secret.key')), { mode: 0o600 });
    const other = await refusal(one.dir, two.database, ['--secret-key-file', path.join(one.dir, 'other.key')]);
    assert.equal(other.code, 1);
    assert.match(other.said, /is not the database that .* belongs to/);
    const empty = newDatabase();
    const refused = await refusal(one.dir, empty);
    assert.equal(refused.code, 1);
    assert.match(refused.said, /is empty/);
    assert.equal(tables(empty), 0);
  });
  test('a role that may not make tables is told what it needs', async () => {
    const database = newDatabase();
    sql(urlOf(base.replace('cryptopay@', 'postgres@'), 'postgres'), 'CREATE ROLE guest LOGIN');
    const dir = newFolder();
    const { code, said } = await refusal(dir, database.replace('cryptopay@', 'guest@'));
    assert.equal(code, 1);
    assert.equal(existsSync(path.join(dir, 'secret.key')), false, 'no key that would be in the way of the right one');
    assert.match(said, /permission denied.*the role must own the database: ALTER DATABASE NAME OWNER TO ROLE/);
  });
  test('a second node on the same folder is told to take its own', async () => {
    const { dir, database } = await newGateway();
    const node = await Server.start({ dir, database });
    try {
      assert.match((await refusal(dir, database)).said, /is in use by a server or another command; each node has a folder of its own: --data DIR/);
    } finally {
      await node.stop();
    }
  });
  test('a command does not make tables in a database that is named by mistake', async () => {
    const empty = newDatabase();
    const { code, stderr } = await cli(newFolder(), empty, ['project', 'list']);
    assert.equal(code, 3);
    assert.match(stderr, /nothing of cryptopay is in postgres:/);
    assert.equal(tables(empty), 0);
  });
  test('commands work with a server in this folder and without, while another node runs', async () => {
    const { dir, database } = await newGateway();
    const node = await Server.start({ dir, database });
    const other = newFolder();
    try {
      // through the socket: the folder's node knows its database
      await addProject(dir, undefined);
      const key = ['--secret-key-file', path.join(dir, 'secret.key')];
      const list = await ok(other, database, ['project', 'list', '--json', ...key]);
      assert.equal(list.trim().split('\n').length, 2);
      // made elsewhere, and good here
      const there = JSON.parse(await ok(other, database, ['project', 'add', '--merchant', 'a@example.com', '--name', 'There', '--website', 'https://there.example.com', '--json', ...key]));
      await node.createOk(there.test);
    } finally {
      await node.stop();
    }
  });
});

describe('the key', () => {
  test('a node without it, or with another one, refuses and says why', async () => {
    const { dir, database } = await newGateway();
    const second = newFolder();
    const missing = await refusal(second, database);
    assert.equal(missing.code, 1);
    assert.match(missing.said, /secret\.key: the key that seals this database's secrets is missing.*--secret-key-file/);
    assert.ok(!existsSync(path.join(second, 'secret.key')), 'a new key would open nothing');

    writeFileSync(path.join(second, 'secret.key'), `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
    const wrong = await refusal(second, database);
    assert.equal(wrong.code, 1);
    assert.match(wrong.said, /does not open what is sealed.*--secret-key-file/);
    assert.ok(existsSync(path.join(second, 'secret.key')), 'it is the operator\'s');

    const node = await Server.start({ dir: second, database, args: ['--secret-key-file', path.join(dir, 'secret.key')] });
    await node.stop();
  });
  test('two nodes that start on an empty database at the same moment make one key', async () => {
    for (let i = 0; i < 5; i++) {
      const database = newDatabase();
      const dirs = [newFolder(), newFolder()];
      const results = await Promise.all(
        dirs.map((dir) => cli(dir, database, ['merchant', 'add', '--email', `${path.basename(dir)}@example.com`, '--password-stdin'], { input: PASSWORD })),
      );
      const winner = results.findIndex((r) => r.code === 0);
      assert.ok(winner >= 0, JSON.stringify(results));
      const loser = 1 - winner;
      assert.equal(results[loser].code, 3, JSON.stringify(results));
      assert.match(results[loser].stderr, /another node has set up this database|secrets is missing/);
      assert.ok(!existsSync(path.join(dirs[loser], 'secret.key')));
      copyFileSync(path.join(dirs[winner], 'secret.key'), path.join(dirs[loser], 'secret.key'));
      await ok(dirs[loser], database, ['project', 'list']);
    }
  });
});

describe('doctor', () => {
  async function findings(dir, database, args = []) {
    const { code, stdout } = await cli(dir, database, ['doctor', '--json', '--base-url', 'https://pay.example.com', ...args]);
    const rows = stdout.trim().split('\n').map((line) => JSON.parse(line));
    return { code, rows, of: (check) => rows.find((row) => row.check === check) };
  }
  test('a good server', async () => {
    const { dir, database } = await newGateway();
    const { code, rows, of } = await findings(dir, database);
    assert.equal(code, 0, JSON.stringify(rows));
    for (const check of ['database', 'encoding', 'connection', 'durability', 'clocks', 'connections', 'webhooks'])
      assert.equal(of(check)?.state, 'good', JSON.stringify(of(check)));
    assert.match(of('database').finding, /^PostgreSQL \d+\..*schema version \d+/);
    for (const check of ['standby', 'backup']) {
      assert.equal(of(check).state, 'warning');
      assert.ok(of(check).mend);
    }
    for (const check of ['disk space', 'disk speed', 'primary', 'pooler', 'transactions']) assert.equal(of(check), undefined);
  });
  test('what loses acknowledged payments', async () => {
    const { dir, database } = await newGateway();
    sql(database, `ALTER DATABASE ${database.split('/').pop()} SET synchronous_commit = off`);
    const { of } = await findings(dir, database);
    assert.equal(of('durability').state, 'warning');
    assert.match(of('durability').finding, /synchronous_commit is off/);
  });
  test('a password for all to read', async () => {
    const { dir, database } = await newGateway();
    const config = path.join(scratch, 'settings.ini');
    writeFileSync(config, `database = ${database.replace('cryptopay@', 'cryptopay:hunter2@')}\n`);
    chmodSync(config, 0o644);
    const open = await findings(dir, undefined, ['--config', config]);
    assert.equal(open.of('settings')?.state, 'bad');
    assert.equal(open.of('settings').mend, `chmod o= ${config}`);
    chmodSync(config, 0o640);
    const closed = await findings(dir, undefined, ['--config', config]);
    assert.equal(closed.of('settings'), undefined);
    assert.equal(closed.code, 0);
  });
  test('a synchronous standby that is not there, and one that is', async () => {
    const { dir, database } = await newGateway();
    const standby = `${name}-standby`;
    postgres('standby', standby, name);
    try {
      const { of } = await findings(dir, database);
      assert.equal(of('standby').state, 'good', JSON.stringify(of('standby')));
      const alone = await findings(dir, urlOf(postgres('url', standby), database.split('/').pop()));
      assert.equal(alone.of('primary')?.state, 'bad', JSON.stringify(alone.rows));
      assert.equal(alone.code, 1);
      postgres('stop', standby, 'immediate');
      const gone = await until(async () => {
        const found = (await findings(dir, database)).of('standby');
        return found.state === 'bad' && found;
      }, 'doctor misses the standby');
      assert.match(gone.finding, /commits wait for it/);
    } finally {
      postgres('psql', name, '-c', "ALTER SYSTEM SET synchronous_standby_names = ''", '-c', 'SELECT pg_reload_conf()');
      postgres('destroy', standby);
    }
  });
  test('no server, no database, none of ours', async () => {
    const { dir, database } = await newGateway();
    for (const [url, reason] of [
      [`postgres://cryptopay:hunter2@127.0.0.1:${await freePort()}/x`, /refused/],
      [urlOf(base, 'nosuch'), /does not exist/],
      [newDatabase(), /nothing of cryptopay/],
    ]) {
      const { code, of, rows } = await findings(dir, url);
      assert.equal(code, 1);
      assert.equal(of('database').state, 'bad');
      assert.match(of('database').finding, reason);
      assert.ok(!JSON.stringify(rows).includes('hunter2'));
    }
    const { of } = await findings(dir, undefined);
    assert.equal(of('database').state, 'bad');
    assert.match(of('database').finding, /another engine/);
    assert.equal((await findings(dir, database)).code, 0);
  });
});

describe('backup', () => {
  test('names the programs to use, and restore the way back', async () => {
    const { dir, database } = await newGateway();
    const { code, stderr } = await cli(dir, database, ['backup', path.join(scratch, 'x.db')]);
    assert.equal(code, 1);
    for (const part of ['pg_dump', 'pg_basebackup', `'${database}'`, path.join(dir, 'secret.key')]) assert.ok(stderr.includes(part), stderr);
    assert.ok(!existsSync(path.join(scratch, 'x.db')));
    const restore = await cli(dir, database, ['restore', 'x.db']);
    assert.equal(restore.code, 1);
    assert.match(restore.stderr, /pg_restore.*cryptopay skip-ahead/);
  });

  test('what was given out after a copy was made is not given out again', async () => {
    const { dir, database, project } = await newGateway();
    const vectors = readFileSync(path.join(ROOT, 'test/data/tron/hd-addresses.json'), 'utf8');
    const xpub = vectors.match(/xpub6[1-9A-HJ-NP-Za-km-z]{106}/)[0];
    await ok(dir, database, ['address', 'set-xpub', String(project.app_id), xpub]);
    await ok(dir, database, ['project', 'set', String(project.app_id), '--mode', 'live']);
    let node = await Server.start({ dir, database });
    const given = [await node.createOk(project.live)];
    const dump = path.join(scratch, 'copy.dump');
    const program = (command, ...args) => {
      const result = spawnSync(path.join('/usr/lib/postgresql/15/bin', command), args, { encoding: 'utf8', timeout: 60000 });
      assert.equal(result.status, 0, result.stderr);
    };
    program('pg_dump', '--format=custom', `--file=${dump}`, database);
    for (let i = 0; i < 20; i++) given.push(await node.createOk(project.live));
    await node.stop();

    const back = newDatabase();
    program('pg_restore', '--no-owner', `--dbname=${back}`, dump);
    const skipped = JSON.parse(await ok(dir, back, ['skip-ahead', '--json']));
    assert.deepEqual(skipped, { skipped: 1048576, skipped_addresses: 10000, next_index: 10001 });
    node = await Server.start({ dir, database: back });
    try {
      const fresh = [];
      for (let i = 0; i < 20; i++) fresh.push(await node.createOk(project.live));
      const numbers = new Set(given.map((p) => p.payment_id));
      const addresses = new Set(given.map((p) => p.address ?? p.wallet_address));
      assert.equal(addresses.size, 21);
      for (const p of fresh) {
        assert.ok(!numbers.has(p.payment_id));
        assert.ok(!addresses.has(p.address ?? p.wallet_address));
      }
      assert.equal(Number(sql(back, 'SELECT MIN(id) FROM payments WHERE id > 1')[0][0]) > 1048576, true);
    } finally {
      await node.stop();
    }
  });
});

describe('a database that is away', () => {
  test('a running node says so, refuses at once, and goes on by itself when it is back', async () => {
    const { dir, database, project } = await newGateway();
    const node = await Server.start({ dir, database });
    try {
      const first = await node.createOk(project.test, { order_id: 'before' });
      const healthy = await request(`${node.ops}/healthz`);
      assert.equal(healthy.json.database, 'ok');
      postgres('stop', name, 'immediate');
      await until(async () => (await request(`${node.ops}/readyz`)).status === 503, '/readyz notices');
      assert.match((await request(`${node.ops}/healthz`)).json.database, /cannot be reached/);
      assert.equal((await request(`${node.ops}/livez`)).status, 200);
      for (const answer of [await node.create(project.test), await node.status(first.payment_id, project.test)]) {
        assert.equal(answer.status, 503, answer.text);
        assert.ok(Number(answer.headers['retry-after']) >= 1);
        assert.equal(answer.json.code ?? 'unavailable', 'unavailable', answer.text);
      }
      const command = await node.cli(['project', 'list']);
      assert.equal(command.code, 3, command.stderr);
      assert.match(command.stderr, /cannot reach its database.*cryptopay doctor/);

      postgres('start', name);
      await until(async () => (await request(`${node.ops}/readyz`)).status === 200, '/readyz notices again', 20000);
      const again = await until(async () => {
        const answer = await node.create(project.test, { order_id: 'before' });
        return answer.status === 200 && answer;
      }, 'a client that comes again after a 503 is served', 5000, 1000);
      assert.equal(again.json.payment.payment_id, first.payment_id);
      await node.createOk(project.test);
    } finally {
      await node.stop();
    }
  });

  test('a node that starts waits for it', async () => {
    const { dir, database } = await newGateway();
    postgres('stop', name);
    const server = new Server({ dir, database });
    server.port = await freePort();
    server.opsPort = await freePort();
    try {
      const command = await cli(dir, database, ['project', 'list']);
      assert.equal(command.code, 3);
      assert.match(command.stderr, /cannot reach postgres:.*refused/);
      server.spawn();
      await until(() => server.log.includes('waiting for the database'), 'the log says what it waits for');
      assert.match(server.log, /"error":"cannot reach postgres:/);
    } finally {
      postgres('start', name);
    }
    await until(() => request(`${server.ops}/readyz`).then((r) => r.status === 200, () => false), 'it starts', 20000);
    await server.stop();
  });

  test('not for ever: it ends with the reason', async () => {
    const { dir } = await newGateway();
    const began = Date.now();
    const { code, said } = await refusal(dir, `postgres://cryptopay:hunter2@127.0.0.1:${await freePort()}/x`);
    assert.equal(code, 1);
    assert.match(said, /cannot start.*cannot reach postgres:\/\/cryptopay:\*\*\*@.*refused/);
    assert.ok(!said.includes('hunter2'));
    assert.ok(Date.now() - began > 10000);
  });

  test('SIGTERM ends the wait', async () => {
    const { dir } = await newGateway();
    const url = `postgres://cryptopay@127.0.0.1:${await freePort()}/x`;
    const child = spawn(BINARY, ['serve', '--data', dir, '--database', url, '--listen', `127.0.0.1:${await freePort()}`], { stdio: 'ignore' });
    const ended = new Promise((resolve) => child.on('close', resolve));
    await sleep(500);
    child.kill('SIGTERM');
    const began = Date.now();
    await ended;
    assert.ok(Date.now() - began < 5000);
  });
});
