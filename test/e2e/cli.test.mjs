// The command line: shapes, exit statuses, with and without a server, who may write when, backup and restore, doctor.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { POSTGRES, contains, databaseEnv, databaseOf, everythingStored, isOfTestServer, sql, sqliteTest } from './database.mjs';
import { BINARY, ROOT, Receiver, Server, newOrderId, run, runOn, until } from './harness.mjs';

const vectors = JSON.parse(readFileSync(path.join(ROOT, 'test/data/tron/hd-addresses.json'), 'utf8'));
const XPUB = JSON.stringify(vectors).match(/xpub6[1-9A-HJ-NP-Za-km-z]{106}/)[0];
const ADDRESS = 'TFj86XAQYBPvwUknt9yxmbc4k3zwUC7iVW';
const PASSWORD = 'tr0mbone-lid';

const scratch = mkdtempSync(path.join(tmpdir(), 'cryptopay-cli-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
let folders = 0;
const newFolder = () => path.join(scratch, `data-${++folders}`);

const cli = (dir, args, options = {}) => runOn(dir, args, { timeoutMs: 30000, ...options });
async function ok(dir, args, options) {
  const result = await cli(dir, args, options);
  assert.equal(result.code, 0, `${args.join(' ')}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}
const json = async (dir, args, options) => JSON.parse(await ok(dir, [...args, '--json'], options));
const lines = async (dir, args) => (await ok(dir, [...args, '--json'])).split('\n').filter(Boolean).map((l) => JSON.parse(l));
const addMerchant = (dir, email = 'owner@example.com') =>
  json(dir, ['merchant', 'add', '--email', email, '--password-stdin'], { input: `${PASSWORD}\n` });
async function newGateway() {
  const dir = newFolder();
  await addMerchant(dir);
  return dir;
}
const addProject = (dir, ...args) => json(dir, ['project', 'add', '--merchant', 'owner@example.com', '--name', 'Shop', ...args]);

describe('shapes that are relied on', () => {
  let dir;
  before(async () => (dir = await newGateway()));

  test('merchant add', async () => {
    const made = await addMerchant(dir, 'second@example.com');
    assert.deepEqual(Object.keys(made), ['merchant_id', 'email']);
    assert.ok(Number.isInteger(made.merchant_id));
    assert.equal(made.email, 'second@example.com');
  });
  test('project add', async () => {
    const made = await addProject(dir, '--website', 'https://www.shape-shop.com/start', '--webhook', 'https://shape-shop.com/hook');
    assert.deepEqual(Object.keys(made), ['app_id', 'mode', 'website', 'test', 'live']);
    assert.ok(Number.isInteger(made.app_id));
    assert.equal(made.mode, 'test');
    for (const mode of ['test', 'live']) {
      assert.deepEqual(Object.keys(made[mode]), ['api_key', 'api_secret', 'webhook_secret']);
      assert.match(made[mode].api_key, new RegExp(`^pk_${mode}_[A-Za-z0-9_-]{32,}$`));
      assert.match(made[mode].api_secret, new RegExp(`^sk_${mode}_[A-Za-z0-9_-]{32,}$`));
      assert.match(made[mode].webhook_secret, /^whsec_[A-Za-z0-9+/]{32,}=*$/);
    }
    assert.equal((await addProject(dir)).website, null);
  });
  test('project rotate-keys gives that mode’s object', async () => {
    const project = await addProject(dir);
    const fresh = await json(dir, ['project', 'rotate-keys', String(project.app_id), '--mode', 'live', '--overlap', '60']);
    assert.deepEqual(Object.keys(fresh), ['api_key', 'api_secret', 'webhook_secret']);
    assert.match(fresh.api_key, /^pk_live_/);
    assert.notEqual(fresh.api_key, project.live.api_key);
    const { keys } = await json(dir, ['project', 'show', String(project.app_id)]);
    assert.equal(keys.filter((k) => k.mode === 'live').length, 2, 'old and new side by side');
    assert.equal(keys.filter((k) => k.ends_at).length, 1);
  });
  test('project set changes all or nothing', async () => {
    const project = await addProject(dir);
    const id = String(project.app_id);
    const set = await json(dir, ['project', 'set', id, '--mode', 'live', '--enabled', 'no', '--webhook', 'https://shop.example.com/h']);
    assert.equal(set.mode, 'live');
    assert.equal(set.enabled, false);
    assert.equal(set.webhook, 'https://shop.example.com/h');
    const refused = await cli(dir, ['project', 'set', id, '--enabled', 'yes', '--min-amount', 'much', '--json']);
    assert.equal(refused.code, 1);
    assert.equal(JSON.parse(refused.stdout).param, 'min-amount');
    assert.equal((await json(dir, ['project', 'show', id])).enabled, false);
  });
  test('a list has one object a line', async () => {
    const projects = await lines(dir, ['project', 'list']);
    assert.ok(projects.length >= 3);
    for (const project of projects) assert.ok(Number.isInteger(project.app_id));
  });
  test('addresses page, and a project says whose they are', async () => {
    const id = String((await addProject(dir)).app_id);
    const pool = Object.values(vectors).flatMap((v) => JSON.stringify(v).match(/T[1-9A-HJ-NP-Za-km-z]{33}(?=")/g) ?? []).slice(0, 5);
    assert.equal(pool.length, 5);
    await ok(dir, ['address', 'add', id, ...pool]);
    const first = await lines(dir, ['address', 'list', id, '--limit', '2']);
    const rest = await lines(dir, ['address', 'list', id, '--after', first[1].address]);
    assert.deepEqual([...first, ...rest].map((row) => row.address), pool);
    const { custody, xpub, next_index: next } = await json(dir, ['project', 'show', id]);
    assert.deepEqual([custody, xpub, next], ['merchant', null, null]);
    const other = String((await addProject(dir)).app_id);
    assert.equal((await cli(dir, ['address', 'list', other, '--after', pool[0]])).code, 1, 'another project’s address is no place');
    await ok(dir, ['address', 'set-xpub', other, XPUB, '--custody', 'operator']);
    const derived = await json(dir, ['project', 'show', other]);
    assert.deepEqual([derived.custody, derived.next_index], ['operator', 0]);
    assert.match(derived.xpub, /^xpub/);
  });
  test('no secret is shown twice, or kept in clear', async () => {
    const project = await addProject(dir);
    const shown = await ok(dir, ['project', 'show', String(project.app_id)]);
    const stored = Object.entries(everythingStored(dir));
    for (const keys of [project.test, project.live])
      for (const secret of Object.values(keys)) {
        assert.ok(!shown.includes(secret));
        for (const [name, bytes] of stored) assert.ok(!contains(bytes, secret), name);
      }
    for (const [name, bytes] of stored) assert.ok(!contains(bytes, PASSWORD), name);
  });
});

describe('usage', () => {
  test('every command has --help and is listed', async () => {
    const { code, stdout } = await run(BINARY, ['--help']);
    assert.equal(code, 0);
    const commands = ['serve', 'merchant add', 'backup', 'restore', 'doctor', 'version'];
    for (const verb of ['add', 'list', 'show', 'set', 'rotate-keys']) commands.push(`project ${verb}`);
    for (const verb of ['add', 'list', 'remove', 'release', 'set-xpub']) commands.push(`address ${verb}`);
    for (const verb of ['list', 'show', 'accept']) commands.push(`payment ${verb}`);
    for (const verb of ['list', 'attach']) commands.push(`transfer ${verb}`);
    for (const verb of ['list', 'show', 'replay']) commands.push(`webhook ${verb}`);
    for (const command of commands) {
      assert.match(stdout, new RegExp(`^  ${command}( |$)`, 'm'));
      const help = await run(BINARY, [...command.split(' '), '--help']);
      assert.equal(help.code, 0, command);
      assert.match(help.stdout, /--json/);
    }
  });
  for (const [args, says] of [
    [[], /Commands:/],
    [['frobnicate'], /unknown command/],
    [['project', 'lst'], /did you mean "project list"/],
    [['project'], /^usage: cryptopay project add\n.*project rotate-keys APP_ID/s],
    [['project', 'show'], /missing APP_ID/],
    [['project', 'show', '1', '2'], /one word too many/],
    [['project', 'add', '--merchant', 'a@example.com'], /missing --name/],
    [['project', 'add', '--nam', 'x'], /did you mean --name/],
    [['project', 'add', '--name'], /needs a value/],
    [['project', 'add', '--name', 'x', '--name', 'y'], /twice/],
    [['project', 'list', '--json=yes'], /takes no value/],
    [['project', 'list', '-x'], /options begin with --/],
    [['project', 'list', '--log-level', 'loud'], /--log-level: expected/],
    [['address', 'add', '1'], /missing ADDRESS/],
    [['merchant', 'add', '--email', 'x@example.com'], /password/],
    [['restore', 'file', '--skip', 'many'], /--skip/],
  ])
    test(`"${args.join(' ')}" is exit status 2`, async () => {
      const result = await run(BINARY, args, { env: { CRYPTOPAY_DATA: path.join(scratch, 'none') } });
      assert.equal(result.code, 2, result.stderr);
      assert.match(result.stderr, says);
    });
  test('an error with --json is an object', async () => {
    const result = await run(BINARY, ['project', 'show', '--json']);
    assert.equal(result.code, 2);
    assert.equal(JSON.parse(result.stdout).ok, false);
  });
});

// There is none where /dev/pts is not mounted.
const noTerminal = spawnSync('script', ['-qec', 'true', '/dev/null'], { timeout: 5000 }).status !== 0 && 'no terminal to be had here';

describe('a password typed on a terminal', { skip: noTerminal }, () => {
  // script(1) gives the program a terminal; each answer is typed when its question has come.
  const type = (dir, email, ...answers) =>
    new Promise((resolve) => {
      const command = `exec ${BINARY} merchant add --email ${email} --data ${dir}`;
      const env = { ...process.env, ...databaseEnv(dir), SHELL: '/bin/sh' };
      const child = spawn('script', ['-qec', command, '/dev/null'], { env, stdio: 'pipe' });
      let shown = '';
      child.stdout.on('data', (data) => {
        shown += data;
        if (/(Password|Again): $/.test(shown) && answers.length) setTimeout(() => child.stdin.write(answers.shift()), 150);
      });
      child.on('close', (code) => resolve({ code, shown }));
      setTimeout(() => child.kill(), 20000).unref();
    });
  test('is not shown, and asked for twice', async () => {
    const { code, shown } = await type(newFolder(), 'typed@example.com', `${PASSWORD}\n`, `${PASSWORD}\n`);
    assert.equal(code, 0, shown);
    assert.match(shown, /Password: [^]*Again: [^]*merchant_id/);
    assert.ok(!shown.includes(PASSWORD));
  });
  test('is refused when the two differ', async () => {
    const { code, shown } = await type(newFolder(), 'typed@example.com', `${PASSWORD}\n`, 'something-else\n');
    assert.equal(code, 2, shown);
    assert.match(shown, /not the same/);
  });
  test('^C ends it', async () => {
    const { code, shown } = await type(newFolder(), 'typed@example.com', '\u0003');
    assert.equal(code, 2, shown);
  });
});

describe('refusals', () => {
  let dir, id;
  before(async () => {
    dir = await newGateway();
    id = String((await addProject(dir)).app_id);
  });
  for (const [password, what] of [['short-7', 'too short'], ['password123', 'common'], ['aaaaaaaaaa', 'one character'], ['', 'empty']])
    test(`a password that is ${what}`, async () => {
      const result = await cli(dir, ['merchant', 'add', '--email', 'new@example.com', '--password-stdin', '--json'], { input: `${password}\n` });
      assert.equal(result.code, 1);
      assert.equal(JSON.parse(result.stdout).code, 'invalid_password');
    });
  for (const [args, code, param] of [
    [['merchant', 'add', '--email', 'owner@example.com', '--password-stdin'], 'email_taken', 'email'],
    [['merchant', 'add', '--email', 'nobody', '--password-stdin'], 'invalid_email', 'email'],
    [['project', 'add', '--merchant', 'x@example.com', '--name', 'x'], 'merchant_not_found', 'merchant'],
    [['project', 'add', '--merchant', 'owner@example.com', '--name', ''], 'invalid_name', 'name'],
    [['project', 'add', '--merchant', 'owner@example.com', '--name', 'x', '--website', 'http://10.0.0.1'], 'invalid_website', 'website'],
    [['project', 'add', '--merchant', 'owner@example.com', '--name', 'x', '--webhook', 'ftp://a.com/'], 'invalid_webhook_url', 'webhook'],
    [['project', 'show', '77'], 'project_not_found', null],
    [['project', 'show', 'seven'], 'invalid_setting', 'app_id'],
    [['project', 'set', '1'], 'invalid_setting', null],
    [['project', 'rotate-keys', '1', '--mode', 'both'], 'invalid_setting', 'mode'],
    [['address', 'add', '1', 'TFj86XAQYBPvwUknt9yxmbc4k3zwUC7iVX'], 'invalid_address', 'TFj86XAQYBPvwUknt9yxmbc4k3zwUC7iVX'],
    [['address', 'add', '1', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'], 'token_address', 'TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t'],
    [['address', 'remove', '1', ADDRESS], 'address_not_found', ADDRESS],
    [['address', 'set-xpub', '1', 'xpub661'], 'invalid_xpub', null],
    [['address', 'set-xpub', '1', XPUB, '--custody', 'mine'], 'invalid_setting', 'custody'],
    [['payment', 'show', '5'], 'payment_not_found', null],
    [['payment', 'list', '--status', 'lost'], 'invalid_setting', 'status'],
    [['payment', 'list', '--limit', '0'], 'invalid_setting', 'limit'],
    [['payment', 'accept', '5'], 'payment_not_found', null],
    [['transfer', 'list', '--unmatched', '--before', `${'a'.repeat(64)}:0`], 'transfer_not_found', null],
    [['transfer', 'attach', 'abc:0', '5'], 'invalid_setting', 'txid:index'],
    [['transfer', 'attach', `${'a'.repeat(64)}:0`, '5'], 'payment_not_found', null],
    [['webhook', 'show', '5'], 'webhook_not_found', null],
    [['webhook', 'replay'], 'invalid_setting', null],
    [['webhook', 'replay', '--project', '1', '--from', 'monday'], 'invalid_setting', 'from'],
  ])
    test(`${args.join(' ')}: ${code}`, async () => {
      const result = await cli(dir, [...args, '--json'], { input: `${PASSWORD}\n` });
      assert.equal(result.code, 1, result.stdout + result.stderr);
      const answer = JSON.parse(result.stdout);
      assert.equal(answer.ok, false);
      assert.equal(answer.code, code);
      assert.equal(answer.param, param);
      const plain = await cli(dir, args, { input: `${PASSWORD}\n` });
      assert.equal(plain.code, 1);
      assert.ok(plain.stderr.includes(answer.error), 'people read the same sentence');
    });
  test('a first address that was added stays when the second is refused, and it is said', async () => {
    const result = await cli(dir, ['address', 'add', id, ADDRESS, 'nonsense']);
    assert.equal(result.code, 1);
    assert.match(result.stderr, /before it were done/);
    assert.deepEqual((await lines(dir, ['address', 'list', id])).map((row) => row.address), [ADDRESS]);
  });
  test('no database: exit status 3, and none is made', async () => {
    const nowhere = newFolder();
    assert.equal((await cli(nowhere, ['project', 'list'])).code, 3);
    if (POSTGRES) assert.deepEqual(sql(databaseOf(nowhere), "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"), []);
    assert.ok(!existsSync(nowhere));
  });
  test('a key that others can read: exit status 3, with the cure', async () => {
    const other = await newGateway();
    chmodSync(path.join(other, 'secret.key'), 0o644);
    const result = await cli(other, ['project', 'list']);
    assert.equal(result.code, 3);
    assert.match(result.stderr, /chmod 600/);
  });
  test('a key that is not the database’s', async () => {
    const [one, two] = [await newGateway(), await newGateway()];
    const result = await cli(one, ['project', 'list', '--secret-key-file', path.join(two, 'secret.key')]);
    assert.equal(result.code, 3);
    assert.match(result.stderr, /secret key/);
  });
  test('a missing key is not made anew beside a database', async () => {
    const other = await newGateway();
    rmSync(path.join(other, 'secret.key'));
    assert.equal((await cli(other, ['project', 'list'])).code, 3);
    assert.ok(!existsSync(path.join(other, 'secret.key')));
  });
  sqliteTest('another database under the name of this one', async () => {
    const [one, two] = [await newGateway(), await newGateway()];
    for (const name of ['cryptopay.db', 'secret.key']) writeFileSync(path.join(one, name), readFileSync(path.join(two, name)));
    const result = await cli(one, ['project', 'list']);
    assert.equal(result.code, 3);
    assert.match(result.stderr, /not the database that belongs here/);
  });
  sqliteTest('a database that has gone is not replaced by an empty one', async () => {
    const other = await newGateway();
    rmSync(path.join(other, 'cryptopay.db'));
    const add = await cli(other, ['merchant', 'add', '--email', 'x@example.com', '--password-stdin'], { input: PASSWORD });
    assert.equal(add.code, 3);
    assert.match(add.stderr, /missing/);
    const serve = await cli(other, ['serve', '--listen', '127.0.0.1:19']);
    assert.equal(serve.code, 1);
    assert.ok(!existsSync(path.join(other, 'cryptopay.db')));
  });
  test('data of another engine', async () => {
    const other = await newGateway();
    for (const [engine, says] of [
      [POSTGRES ? 'sqlite' : 'postgres', POSTGRES ? /another engine, SQLite/ : /another engine, PostgreSQL/],
      ['clay tablets', /another engine/],
    ]) {
      writeFileSync(path.join(other, 'engine'), `${engine}\n`);
      const result = await cli(other, ['project', 'list']);
      assert.equal(result.code, 3);
      assert.match(result.stderr, says);
    }
  });
});

describe('settings', () => {
  const shown = async (args, env) => {
    const { stdout, stderr, code } = await run(BINARY, ['serve', '--print-config', '--json', ...args], { env });
    assert.equal(code, 0, stderr);
    return Object.fromEntries(stdout.split('\n').filter(Boolean).map((l) => JSON.parse(l)).map((row) => [row.setting, row]));
  };
  test('the command line before the environment before the file before the default, and it is said', async () => {
    const file = path.join(scratch, 'order.ini');
    writeFileSync(file, 'rate_per_key = 1\nrate_per_address = 1\nwebhook_concurrency = 9\n');
    const settings = await shown(['--config', file, '--rate-per-key', '3'], { CRYPTOPAY_RATE_PER_KEY: '2', CRYPTOPAY_RATE_PER_ADDRESS: '2' });
    assert.deepEqual(settings.rate_per_key, { setting: 'rate_per_key', value: '3', from: 'command line' });
    assert.deepEqual(settings.rate_per_address, { setting: 'rate_per_address', value: '2', from: 'environment' });
    assert.deepEqual(settings.webhook_concurrency, { setting: 'webhook_concurrency', value: '9', from: `${file}:3` });
    assert.deepEqual(settings.listen, { setting: 'listen', value: '127.0.0.1:8080', from: 'default' });
  });
  test('every setting is in the help, in the example file, and can be shown', async () => {
    const help = (await run(BINARY, ['serve', '--help'])).stdout;
    const example = readFileSync(path.join(ROOT, 'dist/cryptopay.ini'), 'utf8');
    const names = Object.keys(await shown([]));
    assert.ok(names.length >= 15);
    for (const name of names) {
      assert.match(help, new RegExp(`--${name.replaceAll('_', '-')} `));
      if (name !== 'config') assert.match(example, new RegExp(`^#${name} =`, 'm'));
    }
  });
  test('the unit for systemd is hardened', { skip: spawnSync('systemd-analyze', ['--version']).error && 'no systemd-analyze here' }, async () => {
    const result = await run('systemd-analyze', ['security', '--offline=true', '--threshold=20', path.join(ROOT, 'dist/cryptopay.service')]);
    assert.equal(result.code, 0, result.stdout.split('\n').slice(-3).join('\n'));
  });
});

describe('with a server and without', () => {
  let server, project, receiver;
  before(async () => {
    receiver = await Receiver.start();
    receiver.answer = (record, res) => res.writeHead(500).end('\u001b[31mred \u009b31m \u0007');
    server = await Server.start({ args: ['--rate-limit', 'no'] });
    project = await server.addProject({ webhook: receiver.url });
    for (let i = 0; i < 3; i++) await server.createOk(project.test, { order_id: newOrderId() });
    const [payment] = await server.cliLines(['payment', 'list']);
    await server.testAction(payment.payment_id, 'pay');
    await until(async () => (await server.cliLines(['webhook', 'list'])).some((row) => row.attempts), 'an attempt is on record');
  });
  after(async () => {
    server.remove();
    await receiver.close();
  });

  test('files are their owner’s alone', () => {
    assert.equal(statSync(server.dir).mode & 0o77, 0);
    for (const name of readdirSync(server.dir)) assert.equal(statSync(path.join(server.dir, name)).mode & 0o77, 0, name);
    assert.equal(statSync(path.join(server.dir, 'control.sock')).mode & 0o777, 0o600);
  });
  test('no core file can hold a secret', () => {
    assert.match(readFileSync(`/proc/${server.child.pid}/limits`, 'utf8'), /^Max core file size +0 +0 /m);
  });
  test('lists page', async () => {
    const all = await server.cliLines(['payment', 'list']);
    assert.equal(all.length, 3);
    const first = await server.cliLines(['payment', 'list', '--limit', '2']);
    const rest = await server.cliLines(['payment', 'list', '--before', String(first[1].payment_id)]);
    assert.deepEqual([...first, ...rest].map((p) => p.payment_id), all.map((p) => p.payment_id));
    assert.deepEqual((await server.cliLines(['payment', 'list', '--status', 'paid'])).map((p) => p.status), ['paid']);
    assert.deepEqual(await server.cliLines(['payment', 'list', '--project', '99']), []);
  });
  test('what strangers wrote cannot steer a terminal', async () => {
    const named = await server.cliJson(['project', 'add', '--merchant', server.merchant.email, '--name', 'red\u009b31m']);
    const { stdout } = await server.cli(['project', 'show', String(named.app_id)]);
    assert.match(stdout, /red\?31m/);
    const [delivery] = await server.cliLines(['webhook', 'list']);
    assert.doesNotMatch((await server.cli(['webhook', 'show', String(delivery.id)])).stdout, /[\u0007\u001b\u0080-\u009f]/);
  });
  test('rubbish on the control socket disturbs nobody', async () => {
    const say = (text) =>
      new Promise((resolve) => {
        let heard = '';
        const socket = net.connect(path.join(server.dir, 'control.sock'));
        socket.on('data', (data) => (heard += data)).on('close', () => resolve(heard)).on('error', () => resolve(heard));
        socket.write(text);
      });
    for (const text of ['\n', 'hello\n', '[]\n', '{"command":1,"args":[]}\n', '{"command":"project list"}\n', '{"command":"x","args":{}}\n', '{'.repeat(5000) + '\n'])
      assert.match(await say(text), /"ok":false/, text.slice(0, 30));
    assert.equal((await server.cli(['project', 'list'])).code, 0);
  });
  test('the answers are the same', async () => {
    const [payment] = await server.cliLines(['payment', 'list', '--status', 'paid']);
    const shown = await server.cli(['payment', 'show', String(payment.payment_id)]);
    assert.match(shown.stdout, /timeline:\n/);
    const [delivery] = await server.cliLines(['webhook', 'list']);
    const asks = [
      ['project', 'list'], ['project', 'show', String(project.app_id)], ['address', 'list', String(project.app_id)],
      ['payment', 'list'], ['payment', 'show', String(payment.payment_id)], ['webhook', 'list'], ['webhook', 'show', String(delivery.id)],
      ['project', 'show', '99'],
    ];
    const ask = async () => {
      const answers = [];
      for (const args of asks) answers.push(await cli(server.dir, [...args, '--json'])); // no base URL: that of the server is known
      return answers;
    };
    const running = await ask();
    await server.stop();
    assert.ok(!existsSync(path.join(server.dir, 'control.sock')));
    assert.deepEqual(await ask(), running);
  });
  test('commands at the same time wait for each other: one writer', async () => {
    const many = await Promise.all(Array.from({ length: 12 }, (_, i) => server.cliJson(['project', 'add', '--merchant', server.merchant.email, '--name', `P${i}`])));
    assert.equal(new Set(many.map((p) => p.app_id)).size, 12);
  });
  test('a server that starts and stops meanwhile costs no command', async () => {
    let running = true;
    const names = [];
    const commands = (async () => {
      for (let i = 0; running; i++) {
        await server.cliJson(['project', 'add', '--merchant', server.merchant.email, '--name', `while-${i}`]);
        names.push(`while-${i}`);
      }
    })();
    for (let i = 0; i < 4 || (names.length < 4 && i < 40); i++) {
      await server.serve();
      await server.stop();
    }
    running = false;
    await commands;
    assert.ok(names.length >= 4, `${names.length} commands`);
    const listed = (await server.cliLines(['project', 'list'])).map((p) => p.name).filter((name) => name.startsWith('while-'));
    assert.deepEqual(listed, names, 'each was done once');
  });
});

// A file to copy is SQLite's own: PostgreSQL has pg_dump.
const describeFile = POSTGRES ? () => {} : describe;
describeFile('backup and restore', () => {
  let dir, id, file;
  before(async () => {
    dir = await newGateway();
    id = String((await addProject(dir)).app_id);
    await ok(dir, ['address', 'set-xpub', id, XPUB]);
    file = path.join(scratch, 'copy.db');
  });

  test('a backup is private, whole, and says that it lacks the key', async () => {
    const said = await ok(dir, ['backup', file]);
    assert.match(said, /not the key/);
    assert.match(said, /secret\.key/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(dir).filter((name) => name.includes('tmp')), []);
    assert.ok(!readFileSync(file).includes(readFileSync(path.join(dir, 'secret.key'), 'utf8').trim()));
  });
  test('onto another file system', { skip: !existsSync('/dev/shm') || statSync('/dev/shm').dev === statSync(scratch).dev }, async () => {
    const there = mkdtempSync('/dev/shm/cryptopay-cli-');
    try {
      await ok(dir, ['backup', path.join(there, 'b.db')]);
      assert.deepEqual(readdirSync(there), ['b.db']);
      assert.deepEqual(readFileSync(path.join(there, 'b.db')).subarray(0, 15).toString(), 'SQLite format 3');
    } finally {
      rmSync(there, { recursive: true });
    }
  });
  test('where it cannot be written it is refused, and nothing is left', async () => {
    const result = await cli(dir, ['backup', path.join(scratch, 'no', 'such', 'folder', 'b.db')]);
    assert.equal(result.code, 1);
    assert.deepEqual(readdirSync(dir).filter((name) => name.includes('tmp')), []);
  });
  test('not over a database that is there, unless --force, which keeps it', async () => {
    const refused = await cli(dir, ['restore', file]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /--force/);
    await addProject(dir);
    const answer = await json(dir, ['restore', file, '--force']);
    assert.equal((await lines(dir, ['project', 'list'])).length, 1);
    assert.ok(existsSync(answer.replaced));
  });
  test('addresses and payments skip ahead', async () => {
    const answer = await json(dir, ['restore', file, '--force', '--skip', '7']);
    assert.deepEqual([answer.skipped, answer.skipped_addresses, answer.next_index], [7, 10000, 10000]);
    await ok(dir, ['project', 'set', id, '--mode', 'live', '--website', 'https://skip-shop.com']);
  });
  test('into a new folder: first the key, then the copy', async () => {
    const fresh = newFolder();
    const refused = await cli(fresh, ['restore', file]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /key/);
    assert.ok(!existsSync(path.join(fresh, 'cryptopay.db')));
    const key = path.join(dir, 'secret.key');
    await ok(fresh, ['restore', file, '--secret-key-file', key]);
    assert.equal((await run(BINARY, ['project', 'list', '--data', fresh, '--secret-key-file', key, '--json'])).stdout.split('\n').length, 2);
  });
  test('with another key it is refused', async () => {
    const fresh = newFolder();
    const other = await newGateway();
    const result = await cli(fresh, ['restore', file, '--secret-key-file', path.join(other, 'secret.key')]);
    assert.equal(result.code, 1);
    assert.ok(!existsSync(path.join(fresh, 'cryptopay.db')));
  });
  test('what is not a copy of ours is refused, and the database stays', async () => {
    const wrong = { text: Buffer.from('hello'), empty: Buffer.alloc(0), torn: readFileSync(file).subarray(0, 20000) };
    const damaged = readFileSync(file);
    for (let at = 8192; at < damaged.length; at += 4096) damaged.fill(0xa5, at, at + 64);
    wrong.damaged = damaged;
    for (const [name, bytes] of Object.entries(wrong)) {
      const bad = path.join(scratch, `${name}.db`);
      writeFileSync(bad, bytes);
      assert.equal((await cli(dir, ['restore', bad, '--force'])).code, 1, name);
      assert.equal((await lines(dir, ['project', 'list'])).length, 1, name);
    }
    assert.equal((await cli(dir, ['restore', path.join(scratch, 'nothing.db'), '--force'])).code, 1);
    assert.deepEqual(readdirSync(dir).filter((name) => name.includes('restoring')), []);
  });
  test('a restore that was interrupted is noticed: no empty database takes its place', async () => {
    const other = await newGateway();
    writeFileSync(path.join(other, 'cryptopay.db.restoring'), '');
    rmSync(path.join(other, 'cryptopay.db'));
    assert.equal((await cli(other, ['merchant', 'add', '--email', 'x@example.com', '--password-stdin'], { input: PASSWORD })).code, 3);
    assert.ok(!existsSync(path.join(other, 'cryptopay.db')));
  });
  test('what a lost database has left behind does not get into the copy', async () => {
    const server = await Server.start();
    const copy = path.join(scratch, 'before.db');
    await server.addProject();
    assert.equal((await server.cli(['backup', copy])).code, 0);
    for (let i = 0; i < 5; i++) await server.addProject();
    await server.kill();
    assert.ok(existsSync(path.join(server.dir, 'cryptopay.db-wal')), 'killed before it was written back');
    rmSync(path.join(server.dir, 'cryptopay.db'));
    await ok(server.dir, ['restore', copy]);
    assert.equal((await lines(server.dir, ['project', 'list'])).length, 1);
    server.remove();
  });
  test('several backups at a time, each a whole one', async () => {
    const server = await Server.start();
    await server.addProject();
    const old = path.join(server.dir, 'backup-0.tmp');
    writeFileSync(old, 'forgotten');
    utimesSync(old, 1, 1);
    const copies = Array.from({ length: 6 }, (_, i) => path.join(scratch, `at-once-${i}.db`));
    const results = await Promise.all(copies.map((copy) => server.cli(['backup', copy])));
    assert.deepEqual(results.map((r) => r.stderr + r.code), copies.map(() => '0'));
    const sizes = new Set(copies.map((copy) => statSync(copy).size));
    assert.equal(sizes.size, 1);
    assert.deepEqual(readdirSync(server.dir).filter((name) => name.includes('tmp')), []);
    await server.close();
  });
  test('not while a server runs; a backup then works, under load, and holds what was acknowledged before', async () => {
    const server = await Server.start({ args: ['--rate-limit', 'no'] });
    const project = await server.addProject();
    const copy = path.join(scratch, 'live.db');
    const made = [];
    let busy = true;
    const load = Promise.all(Array.from({ length: 8 }, async () => {
      while (busy) made.push((await server.createOk(project.test)).payment_id);
    }));
    await until(() => made.length > 100, '100 payments');
    const before = [...made];
    assert.equal((await server.cli(['backup', copy])).code, 0);
    busy = false;
    await load;
    const other = newFolder();
    await ok(other, ['restore', copy, '--secret-key-file', path.join(server.dir, 'secret.key')]);
    const listed = await run(BINARY, ['payment', 'list', '--limit', '10000', '--json', '--data', other, '--secret-key-file', path.join(server.dir, 'secret.key')]);
    const held = new Set(listed.stdout.split('\n').filter(Boolean).map((l) => JSON.parse(l).payment_id));
    assert.deepEqual(before.filter((id) => !held.has(id)), []);
    assert.ok([...held].every((id) => made.includes(id)));
    const refused = await server.cli(['restore', copy, '--force']);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /stop the server/);
    await server.close();
  });
});

describe('doctor', () => {
  const findings = async (dir, args = []) => {
    const result = await cli(dir, ['doctor', '--json', ...args]);
    const rows = result.stdout.split('\n').filter(Boolean).map((l) => JSON.parse(l));
    const bad = rows.filter((row) => row.state === 'bad' && !isOfTestServer(row));
    assert.equal(result.code, rows.some((row) => row.state === 'bad') ? 1 : 0);
    return { code: bad.length ? result.code : 0, rows, bad };
  };
  test('all is well', async () => {
    const dir = await newGateway();
    if (!POSTGRES) await ok(dir, ['backup', path.join(scratch, 'doctor.db')]);
    const { code, bad, rows } = await findings(dir, ['--base-url', 'https://pay.example.com']);
    assert.deepEqual(bad, []);
    assert.equal(code, 0);
    const good = ['data folder', 'secret key', 'database', 'libraries', 'base URL'];
    good.push(...(POSTGRES ? ['encoding', 'clocks', 'connections'] : ['disk space', 'disk speed', 'backup']));
    for (const check of good)
      assert.equal(rows.find((row) => row.check === check)?.state, 'good', check);
  });
  test('each trouble is bad, with the command that mends it', async () => {
    const dir = await newGateway();
    const id = String((await addProject(dir, '--website', 'https://doctor-shop.com')).app_id);
    await ok(dir, ['project', 'set', id, '--mode', 'live']);
    chmodSync(dir, 0o755);
    const { code, bad } = await findings(dir, ['--base-url', 'http://pay.example.com']);
    assert.equal(code, 1);
    assert.deepEqual(bad.map((row) => row.check), ['data folder', 'base URL', 'addresses']);
    for (const row of bad) assert.ok(row.mend, row.check);
    assert.equal(bad[0].mend, `chmod 700 ${dir}`);
    assert.equal(bad[2].mend, `cryptopay address add ${id} ADDRESS`);
    await ok(dir, ['address', 'add', id, ADDRESS]);
    chmodSync(dir, 0o700);
    assert.equal((await findings(dir)).code, 0);
  });
  sqliteTest('a damaged database, a key for all to read, no folder', async () => {
    const dir = await newGateway();
    chmodSync(path.join(dir, 'secret.key'), 0o640);
    const bytes = readFileSync(path.join(dir, 'cryptopay.db'));
    for (let at = 8192; at < bytes.length; at += 4096) bytes.fill(0xa5, at, at + 64);
    writeFileSync(path.join(dir, 'cryptopay.db'), bytes);
    const { code, bad } = await findings(dir);
    assert.equal(code, 1);
    assert.deepEqual(bad.map((row) => row.check), ['secret key', 'database']);
    const none = await findings(newFolder());
    assert.equal(none.code, 1);
    assert.equal(none.bad[0].check, 'data folder');
  });
  test('beside a running server', async () => {
    const server = await Server.start();
    assert.equal((await findings(server.dir)).code, 0);
    await server.close();
  });
});

describe('what to do next', () => {
  let dir;
  before(async () => (dir = await newGateway()));
  test('a project without a website says how to set one', async () => {
    const made = await cli(dir, ['project', 'add', '--merchant', 'owner@example.com', '--name', 'Shop']);
    assert.match(made.stderr, /cryptopay project set 1 --website URL/);
    const whole = await cli(dir, ['project', 'set', '1', '--website', 'https://next-shop.com']);
    assert.equal(whole.stderr, '');
  });
  test('who goes live is shown the doctor', async () => {
    assert.match((await cli(dir, ['project', 'set', '1', '--mode', 'live'])).stderr, /cryptopay doctor/);
    assert.equal((await cli(dir, ['project', 'set', '1', '--mode', 'live', '--json'])).stderr, '');
  });
  test('a value that does not fit is answered with what is expected', async () => {
    for (const [flag, value, expected] of [['--mode', 'prod', /expected: test or live/], ['--window', '90', /expected: time to pay, 5m to 24h/]]) {
      const refused = await cli(dir, ['project', 'set', '1', flag, value]);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, expected);
    }
  });
  test('--version', async () => assert.match((await run(BINARY, ['--version'])).stdout, /^version +\d/));
});
