// Live mode: receiving addresses by list and by extended public key, who owns them, and which amount a payment gets.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Server, newOrderId } from './harness.mjs';

// Extended public keys of m/44'/195'/0' and the addresses 0/0, 0/1, … below them, computed by two independent wallets.
const XPUB_A =
  'xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6DZMNZBCd';
const ADDRESSES_A = [
  'TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH', 'TSeJkUh4Qv67VNFwY8LaAxERygNdy6NQZK', 'TYJPRrdB5APNeRs4R7fYZSwW3TcrTKw2gx',
  'TRhVWK5XEDkQBDevcdCWW7RW51aRncty4W', 'TT2X2yyubp7qpAWYYNE5JQWBtoZ7ikQFsY', 'TBdYXtwq18cAhi1BA574TrP6tw2G86anu1',
];
const XPUB_B =
  'xpub6Cz5ZufREExKNAJk24TKKECpKcAignnmwjQL7m8cHJDpdxgY36V8qqksV9xrVXZwmYCMAkCys3K31FeTmRCfepMTm5yxUN7JsR4DMciBDKX';
const ADDRESSES_B = [
  'TLKvhyqakrxrN5SYXFpLETSyHvy4QMS84L', 'TQeMnrxMgCJmgkzdH4NXA3GPJkLiWCooNB', 'TKzm6KYmhJnfD4nZjszmwgZ4BubrzGtqgn',
  'TUXB7pmBB6xz7qgDgDhm2wC6MDFitnS7rg',
];
const OTHER = 'TRGVdeYnLm92LodhRyCyTyxYvLqocfffRs';

let server;
before(async () => {
  server = await Server.start({ args: ['--rate-limit', 'no'] });
});
after(() => server?.close());

async function liveProject() {
  const project = await server.addProject();
  const set = await server.setProject(project.app_id, { mode: 'live' });
  assert.equal(set.code, 0, set.stderr);
  return project;
}
const address = (verb, project, ...rest) => server.cli(['address', verb, String(project.app_id), ...rest, '--json']);
async function addressOk(verb, project, ...rest) {
  const result = await address(verb, project, ...rest);
  assert.equal(result.code, 0, `address ${verb}: ${result.stdout}${result.stderr}`);
}

test('a live project without addresses gets a clear error', async () => {
  const project = await liveProject();
  const answer = await server.create(project.live);
  assert.equal(answer.status, 503);
  assert.equal(answer.json.code, 'no_address_configured');
});

describe('a pool of one address', () => {
  let project;
  before(async () => {
    project = await liveProject();
    await addressOk('add', project, ADDRESSES_A[5]);
  });
  test('plain amount first, then the coarsest surcharge that is free, each amount once', async () => {
    const amounts = [];
    for (let i = 0; i < 13; i++) {
      const payment = await server.createOk(project.live, { amount: '50.00' });
      assert.equal(payment.address, ADDRESSES_A[5]);
      assert.equal(payment.amount, '50.00');
      assert.equal(payment.is_test, false);
      amounts.push(payment.pay_amount);
    }
    assert.equal(amounts[0], '50.000000');
    const cents = amounts.slice(1, 11);
    assert.deepEqual(cents, Array.from({ length: 10 }, (_, i) => `50.${String((i + 1) * 10000).padStart(6, '0')}`));
    for (const finer of amounts.slice(11)) assert.match(finer, /^50\.0\d\d000$/, 'then the grid of 0.001');
    assert.equal(new Set(amounts).size, amounts.length);
  });
  test('another amount does not touch these', async () => {
    assert.equal((await server.createOk(project.live, { amount: '51.00' })).pay_amount, '51.000000');
  });
  test('reservations outlive a restart', async () => {
    await server.createOk(project.live, { amount: '60.00' });
    await server.restart();
    assert.equal((await server.createOk(project.live, { amount: '60.00' })).pay_amount, '60.010000');
  });
  test('50 at the same moment get 50 amounts', async () => {
    const payments = await Promise.all(Array.from({ length: 50 }, () => server.createOk(project.live, { amount: '70.00' })));
    assert.equal(new Set(payments.map((p) => p.pay_amount)).size, 50);
  });
  test('the test buttons do not exist for it', async () => {
    const { payment_id: id } = await server.createOk(project.live, { amount: '80.00' });
    for (const action of ['pay', 'expire', 'late']) assert.equal((await server.testAction(id, action)).status, 404, action);
    assert.equal((await server.status(id)).json.payment.status, 'pending');
  });
  test('status by the command line is the signed status', async () => {
    const payment = await server.createOk(project.live, { amount: '81.00' });
    const signed = await server.status(payment.payment_id, project.live);
    const shown = await server.cliJson(['payment', 'show', String(payment.payment_id)]);
    assert.deepEqual(shown.payment ?? shown, signed.json.payment);
  });
  test('test and live orders are apart', async () => {
    const orderId = newOrderId();
    const live = await server.createOk(project.live, { order_id: orderId, amount: '82.00' });
    await server.setProject(project.app_id, { mode: 'test' });
    const simulated = await server.createOk(project.test, { order_id: orderId, amount: '83.00' });
    assert.notEqual(simulated.payment_id, live.payment_id);
    assert.equal((await server.status(live.payment_id, project.test)).status, 200, 'live payments stay readable');
    await server.setProject(project.app_id, { mode: 'live' });
  });
});

test('a pool of three gives each payment an address at the plain amount, as long as there are any', async () => {
  const project = await liveProject();
  const pool = ['TFj86XAQYBPvwUknt9yxmbc4k3zwUC7iVW', 'TUXB7pmBB6xz7qgDgDhm2wC6MDFitnS7rg', OTHER];
  await addressOk('add', project, ...pool);
  const payments = [];
  for (let i = 0; i < 4; i++) payments.push(await server.createOk(project.live, { amount: '5.00' }));
  assert.deepEqual(payments.slice(0, 3).map((p) => p.pay_amount), Array(3).fill('5.000000'));
  assert.deepEqual(new Set(payments.slice(0, 3).map((p) => p.address)), new Set(pool));
  assert.equal(payments[3].pay_amount, '5.010000');

  await addressOk('remove', project, OTHER);
  for (let i = 0; i < 4; i++) assert.notEqual((await server.createOk(project.live, { amount: '6.00' })).address, OTHER);
  const busy = await address('release', project, OTHER);
  assert.equal(busy.code, 1, 'payments are still reserved on it');
  const listed = await server.cliLines(['address', 'list', String(project.app_id)]);
  assert.deepEqual(new Set(listed.map((row) => row.address)), new Set(pool));
});

describe('addresses that are refused', () => {
  const bad = [
    'TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdG', // checksum
    'TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYd',
    'tUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH',
    '41c8599111f29c1e1e061265b4af93ea1f274ad78a', // hex
    'TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYd0',
    '1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa',
  ];
  for (const text of bad)
    test(text, async () => {
      const project = await server.addProject();
      assert.equal((await address('add', project, text)).code, 1);
      assert.deepEqual(await server.cliLines(['address', 'list', String(project.app_id)]), []);
    });
  test('one that another project has', async () => {
    const [one, two] = [await server.addProject(), await server.addProject()];
    await addressOk('add', one, ADDRESSES_A[4]);
    assert.equal((await address('add', two, ADDRESSES_A[4])).code, 1);
    await addressOk('remove', one, ADDRESSES_A[4]);
    assert.equal((await address('add', two, ADDRESSES_A[4])).code, 1, 'removed is not released');
    await addressOk('release', one, ADDRESSES_A[4]);
    await addressOk('add', two, ADDRESSES_A[4]);
  });
});

describe('an extended public key', () => {
  test('gives every payment the next address, and skips one that is taken', async () => {
    const [taker, project] = [await server.addProject(), await liveProject()];
    await addressOk('add', taker, ADDRESSES_A[1]);
    await addressOk('set-xpub', project, XPUB_A);
    const payments = [];
    for (let i = 0; i < 3; i++) payments.push(await server.createOk(project.live, { amount: '50.00' }));
    assert.deepEqual(payments.map((p) => p.address), [ADDRESSES_A[0], ADDRESSES_A[2], ADDRESSES_A[3]]);
    for (const payment of payments) assert.equal(payment.pay_amount, '50.000000');
    const other = await server.addProject();
    assert.equal((await address('set-xpub', other, XPUB_A)).code, 1, 'it belongs to one project');
    assert.equal((await address('add', other, ADDRESSES_A[0])).code, 1, 'so do the addresses given out');
  });
  test('goes on where it was after a restart', async () => {
    const project = await liveProject();
    await addressOk('set-xpub', project, XPUB_B, '--custody', 'operator');
    const first = await server.createOk(project.live);
    await server.restart();
    const second = await server.createOk(project.live);
    assert.deepEqual([first.address, second.address], ADDRESSES_B.slice(0, 2));
  });
  test('other keys and broken ones are refused', async () => {
    const project = await server.addProject();
    const xprv = 'xprv9z1pB5qPNYGMVrGcyXt97Jwd9GBRoNFdhJfxqbHjzrBKeN1GMETuGFi1c73SQkP8kkKz5MVoMtLRcsDWggUcaPF32AXN4qNsNWBoJbaHcQ7';
    for (const text of [xprv, `${XPUB_A.slice(0, -1)}e`, 'xpub']) assert.equal((await address('set-xpub', project, text)).code, 1, text);
    assert.ok(!server.log.includes(xprv), 'a private key never reaches the log');
  });
});
