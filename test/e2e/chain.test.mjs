// Live payments on a simulated chain, with the real binary: paid, caught up after a week, with nodes that fail, and by
// whichever gateway is left.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import path from 'node:path';
import { POSTGRES } from './database.mjs';
import { Receiver, Server, request, standardSignatureOk, hmacHex, until } from './harness.mjs';
import { SimChain } from './simnode.mjs';

const XPUB =
  'xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6DZMNZBCd';

const SECOND_ADDRESS = 'TSeJkUh4Qv67VNFwY8LaAxERygNdy6NQZK'; // of XPUB

const logged = (server, event) => server.log.split('\n').filter((line) => line.includes(`"event":"${event}"`)).map((line) => JSON.parse(line));
const health = (server) => request(`${server.ops}/healthz`);
const chainStatus = (server) => server.cliJson(['chain', 'status']);
const isLevel = (server) => until(async () => (await health(server)).status === 200, `healthz is 200\n${server.log.slice(-2000)}`, 20000, 100);

async function liveProject(server, receiver, custody = 'merchant') {
  const project = await server.addProject({ webhook: receiver.url });
  await server.cliJson(['address', 'set-xpub', String(project.app_id), XPUB, '--custody', custody]);
  assert.equal((await server.setProject(project.app_id, { mode: 'live' })).code, 0);
  return project;
}

const statusOf = async (server, payment, keys) => (await server.status(payment.payment_id, keys)).json.payment.status;
const paid = (server, payment, keys) => until(async () => (await statusOf(server, payment, keys)) === 'paid', `payment ${payment.payment_id} is paid\n${server.log.slice(-3000)}`, 20000, 100);

describe('one node, one gateway', () => {
  let chain, server, receiver, project;
  before(async () => {
    chain = await SimChain.start();
    receiver = await Receiver.start();
    server = await Server.start({ args: chain.args() });
    project = await liveProject(server, receiver, 'operator');
    await isLevel(server);
  });
  after(async () => {
    await server?.close();
    await receiver?.close();
    await chain?.stop();
  });

  test('create, transfer, webhook', async () => {
    const payment = await server.createOk(project.live, { amount: '12.50' });
    await chain.transfer(payment.address, payment.pay_amount);
    await paid(server, payment, project.live);
    const [webhook] = await receiver.wait(payment.payment_id);
    assert.equal(webhook.headers['x-signature'], hmacHex(project.live.api_secret, webhook.body));
    assert.ok(standardSignatureOk(project.live.webhook_secret, webhook));
    assert.equal(JSON.parse(webhook.body).status, 'paid');
  });

  test('health, metrics and chain status say how it stands', async () => {
    const { status, json } = await health(server);
    assert.equal(status, 200, JSON.stringify(json));
    assert.equal(json.status, 'ok');
    assert.equal(json.chain.trouble, null);
    assert.equal(json.chain.watching, true);
    assert.equal(json.chain.nodes.length, 1);
    const said = await chainStatus(server);
    assert.equal(said.network, 'custom');
    assert.equal(said.token, chain.token);
    assert.ok(said.block > 0 && said.head >= said.solid && said.solid >= said.block - 2, JSON.stringify(said));
    const metrics = (await request(`${server.ops}/metrics`)).text;
    assert.match(metrics, /^chain_cursor [1-9]/m);
    assert.match(metrics, /^chain_stalled 0$/m);
    assert.match(metrics, /^transfers_credited_total [1-9]/m);
    assert.match(metrics, /^node_requests_total\{outcome="ok"\} [1-9]/m);
  });

  test('a rescan finds nothing that is missing, and reconcile finds what lies there', async () => {
    const { block } = await chainStatus(server);
    const asked = await server.cliJson(['rescan', '--from', String(Math.max(block - 30, 1))]);
    assert.ok(asked.to >= block);
    await until(async () => !(await chainStatus(server)).rescanning, 'the rescan is over', 15000, 100);
    assert.equal(logged(server, 'rescan done').at(-1).missing_transfers_found, 0);
    assert.equal((await server.cli(['rescan', '--from', '999999999'])).code, 1);
    const rows = await server.cliLines(['reconcile']);
    assert.ok(rows.length > 0);
    for (const row of rows) assert.equal(row.result, 'equal', JSON.stringify(row));
    assert.ok(rows.some((row) => Number(row.chain) > 0));
  });

  test('money that came before the address was ours: reconcile finds it, a rescan brings it into the book', async () => {
    await chain.transfer(SECOND_ADDRESS, '7.00');
    const { head } = await chain.status();
    await until(async () => (await chainStatus(server)).block > head + 1, 'its block is in the book', 10000, 100);
    assert.equal((await server.createOk(project.live, { amount: '9.00' })).address, SECOND_ADDRESS);
    await server.stop(); // both work without a server as well
    const reconcile = async () => {
      const { code, stdout } = await server.cli(['reconcile', '--json', ...chain.args()]);
      const { book, chain: there, result } = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line)).find((row) => row.address === SECOND_ADDRESS);
      return { code, book, there, result };
    };
    assert.deepEqual(await reconcile(), { code: 1, book: '0.000000', there: '7.000000', result: 'differs' });
    const { code, stdout, stderr } = await server.cli(['rescan', '--from', '1', '--progress', '--json', ...chain.args()]);
    assert.equal(code, 0, stderr);
    assert.equal(JSON.parse(stdout).server, false);
    const done = JSON.parse(stderr.split('\n').find((line) => line.includes('"event":"rescan done"')));
    assert.deepEqual([done.missing_transfers_found, done.differing_transfers], [1, 0]);
    assert.deepEqual(await reconcile(), { code: 0, book: '7.000000', there: '7.000000', result: 'equal' });
    await server.serve();
  });

  test('another token or network is refused at the start', async () => {
    await server.stop();
    const args = server.args;
    server.args = chain.args().map((word) => (word === chain.token ? 'TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf' : word));
    await assert.rejects(server.serve(), /this database follows network custom/);
    server.args = args;
    await server.serve();
  });
});

describe('a week away', () => {
  const SLOT_MS = 30000, WEEK_BLOCKS = (7 * 86400000) / SLOT_MS;
  let chain, server, receiver, project;
  before(async () => {
    chain = await SimChain.start({ args: ['--witnesses', '3', '--pace', '0', '--slot', String(SLOT_MS)] });
    receiver = await Receiver.start();
    server = await Server.start({ args: chain.args() });
    project = await liveProject(server, receiver);
    await isLevel(server);
  });
  after(async () => {
    await server?.close();
    await receiver?.close();
    await chain?.stop();
  });

  test('everything is credited, in order, and it says how far it is and when it is level', async () => {
    const orders = [];
    for (const amount of ['10.00', '20.00', '30.00']) orders.push(await server.createOk(project.live, { amount }));
    const [first, second, late] = orders;
    await server.stop();
    server.log = '';
    await chain.transfer(first.address, first.pay_amount);
    await chain.do('mine', { n: 3 });
    await chain.transfer(second.address, second.pay_amount);
    await chain.do('mine', { n: WEEK_BLOCKS });
    await chain.transfer(late.address, late.pay_amount);
    await chain.do('mine', { n: 6 });
    await server.serve();
    const behind = await until(() => logged(server, 'catching up with the chain')[0], 'it says that it is behind', 20000, 50);
    assert.ok(behind.blocks_behind > WEEK_BLOCKS - 1000, JSON.stringify(behind));
    const level = await until(() => logged(server, 'level with the chain')[0], `it says that it is level\n${server.log.slice(-2000)}`, 90000, 100);
    assert.ok(level.block >= behind.block + behind.blocks_behind - 5, JSON.stringify({ behind, level }));
    for (const payment of [first, second]) {
      await paid(server, payment, project.live);
      await receiver.wait(payment.payment_id);
    }
    assert.ok(receiver.for(first.payment_id)[0].at <= receiver.for(second.payment_id)[0].at, 'in the order of the chain');
    assert.equal(await statusOf(server, late, project.live), 'expired');
    assert.match((await request(`${server.ops}/metrics`)).text, /^transfers_unmatched_total 1$/m);
    const { solid } = await chain.status();
    assert.equal((await chainStatus(server)).block, solid);
  });
});

describe('three nodes, two of which must agree', () => {
  let chain, server, receiver, project;
  before(async () => {
    chain = await SimChain.start({ nodes: 3 });
    receiver = await Receiver.start();
    server = await Server.start({ args: chain.args(['--trust', 'quorum:2']) });
    project = await liveProject(server, receiver);
    await isLevel(server);
  });
  after(async () => {
    await server?.close();
    await receiver?.close();
    await chain?.stop();
  });

  async function pays(amount) {
    const payment = await server.createOk(project.live, { amount });
    await chain.transfer(payment.address, payment.pay_amount);
    await paid(server, payment, project.live);
    const rows = await server.cliLines(['reconcile']);
    assert.equal(rows.find((row) => row.address === payment.address).book, `${amount}0000`);
  }

  test('one of them lies: the others are believed, and it is said', async () => {
    await chain.do('lie', { choice: 'value' }, 1);
    await pays('12.00');
    await chain.do('heal', {}, 1);
    const { status, json } = await health(server);
    assert.equal(status, 503);
    assert.equal(json.chain.status, 'nodes have disagreed');
    assert.equal((await request(`${server.ops}/readyz`)).status, 200);
    assert.match((await request(`${server.ops}/metrics`)).text, /^node_disagreements_total [1-9]/m);
  });

  test('one of them fails', async () => {
    await chain.do('say', { status: 503, times: 1000000 }, 0);
    await pays('11.00');
    assert.equal((await chainStatus(server)).trouble, null);
  });
});

if (POSTGRES)
  describe('two gateways on one database', () => {
    let chain, a, b, receiver, project;
    before(async () => {
      chain = await SimChain.start();
      receiver = await Receiver.start();
      a = await Server.start({ args: chain.args() });
      b = await Server.start({ args: [...chain.args(), '--secret-key-file', path.join(a.dir, 'secret.key')], database: a.database });
      project = await liveProject(a, receiver);
      await isLevel(a);
      await isLevel(b);
    });
    after(async () => {
      await b?.close();
      await a?.close();
      await receiver?.close();
      await chain?.stop();
    });

    test('one watches, and when it is killed the other one does', async () => {
      assert.deepEqual([(await chainStatus(a)).watching, (await chainStatus(b)).watching], [true, false]);
      const first = await b.createOk(project.live, { amount: '5.00' });
      await chain.transfer(first.address, first.pay_amount);
      await paid(b, first, project.live);
      const second = await b.createOk(project.live, { amount: '6.00' });
      await a.kill();
      await chain.transfer(second.address, second.pay_amount);
      await until(async () => (await chainStatus(b)).watching, 'the other one watches', 45000, 250);
      await paid(b, second, project.live);
      await receiver.wait(second.payment_id, 1, 45000);
    });
  });
