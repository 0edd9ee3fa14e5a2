// A wallet that we did not write, tronweb, on the simulated chain: what it builds, signs and broadcasts is taken, mined and
// shown as on a real one. Then it pays a checkout, and transfers of other kinds end as the rules of matching say.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TronWeb, utils } from 'tronweb';
import { BINARY, Receiver, Server, hmacHex, standardSignatureOk, until } from './harness.mjs';
import { SimChain } from './simnode.mjs';

const ABI = [
  { name: 'transfer', type: 'function', stateMutability: 'nonpayable', inputs: [{ name: 'to', type: 'address' }, { name: 'value', type: 'uint256' }], outputs: [{ name: '', type: 'bool' }] },
  { name: 'balanceOf', type: 'function', stateMutability: 'view', inputs: [{ name: 'who', type: 'address' }], outputs: [{ name: '', type: 'uint256' }] },
  { name: 'decimals', type: 'function', stateMutability: 'view', inputs: [], outputs: [{ name: '', type: 'uint8' }] },
  { name: 'symbol', type: 'function', stateMutability: 'view', inputs: [], outputs: [{ name: '', type: 'string' }] },
];
const XPUB = 'xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6DZMNZBCd';
const TRANSFER = 'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';

let chain, wallet, me;
const somebody = () => utils.accounts.generateAccount();
const balance = async (address) => BigInt(await wallet.contract(ABI, chain.token).balanceOf(address).call());
const receipt = (txid) =>
  until(async () => {
    const info = await wallet.trx.getUnconfirmedTransactionInfo(txid);
    return info.id && info;
  }, `receipt of ${txid}`);

async function send(to, millionths) {
  const data = [{ type: 'address', value: to }, { type: 'uint256', value: String(millionths) }];
  const built = await wallet.transactionBuilder.triggerSmartContract(chain.token, 'transfer(address,uint256)', { feeLimit: 100_000_000 }, data, me.address.base58);
  assert.equal(built.result.result, true);
  const signed = await wallet.trx.sign(built.transaction);
  return { signed, sent: await wallet.trx.sendRawTransaction(signed) };
}

before(async () => {
  chain = await SimChain.start({ args: ['--witnesses', '5', '--pace', '100'] });
  me = somebody();
  wallet = new TronWeb({ fullHost: chain.nodes[0], privateKey: me.privateKey });
  await chain.do('faucet', { to: me.address.base58, trx: '500', usdt: '1000' });
  await until(async () => (await balance(me.address.base58)) === 1000_000_000n, 'the faucet has given');
});
after(() => chain?.stop());

test('the token says what it is', async () => {
  const token = wallet.contract(ABI, chain.token);
  assert.equal(Number(await token.decimals().call()), 6);
  assert.equal(await token.symbol().call(), 'USDT');
  assert.equal(await wallet.trx.getUnconfirmedBalance(me.address.base58), 500_000_000);
});

test('a transfer is built, signed, broadcast, mined, final, and moves money', async () => {
  const to = somebody().address.base58;
  const { signed, sent } = await send(to, 12_500_000);
  assert.equal(sent.result, true, JSON.stringify(sent));
  assert.equal((await wallet.trx.getTransaction(signed.txID)).txID, signed.txID);
  const info = await receipt(signed.txID);
  assert.equal(info.receipt.result, 'SUCCESS');
  assert.equal(info.result, undefined);
  assert.deepEqual(info.log.map((log) => [TronWeb.address.fromHex('41' + log.address), log.topics[0], BigInt('0x' + log.data)]), [[chain.token, TRANSFER, 12_500_000n]]);
  assert.equal(TronWeb.address.fromHex('41' + info.log[0].topics[2].slice(24)), to);
  const block = await wallet.trx.getBlockByNumber(info.blockNumber);
  assert.ok(block.transactions.some((t) => t.txID === signed.txID && t.ret[0].contractRet === 'SUCCESS'));
  await until(async () => (await wallet.trx.getTransactionInfo(signed.txID)).id, 'it is final');
  assert.equal(await balance(to), 12_500_000n);
  assert.equal(await balance(me.address.base58), 987_500_000n);
  const again = await wallet.trx.sendRawTransaction(signed);
  assert.equal(again.code, 'DUP_TRANSACTION_ERROR');
});

test('the contract object sends too, and what cannot be paid is reverted', async () => {
  const to = somebody().address.base58;
  const txid = await wallet.contract(ABI, chain.token).transfer(to, 1_000_001).send({ feeLimit: 100_000_000 });
  assert.equal((await receipt(txid)).receipt.result, 'SUCCESS');
  assert.equal(await balance(to), 1_000_001n);
  const { signed } = await send(to, 5_000_000_000);
  const info = await receipt(signed.txID);
  assert.deepEqual([info.result, info.receipt.result, info.log], ['FAILED', 'REVERT', undefined]);
  assert.equal(await balance(to), 1_000_001n);
});

test('TRX moves, bytes are broadcast as hex, and another signature is refused', async () => {
  const to = somebody().address.base58;
  const built = await wallet.transactionBuilder.sendTrx(to, 3_000_000, me.address.base58);
  const signed = await wallet.trx.sign(built);
  const other = { ...structuredClone(signed), signature: [signed.signature[0].replace(/^../, (byte) => (byte === '00' ? '01' : '00'))] };
  assert.equal((await wallet.trx.sendRawTransaction(other)).code, 'SIGERROR');
  const hex = utils.transaction.txJsonToPb(signed);
  signed.signature.forEach((s) => hex.addSignature(Uint8Array.from(Buffer.from(s, 'hex'))));
  const sent = await wallet.trx.sendHexTransaction(Buffer.from(hex.serializeBinary()).toString('hex'));
  assert.equal(sent.code, 'SUCCESS', JSON.stringify(sent));
  await receipt(signed.txID);
  assert.equal(await wallet.trx.getUnconfirmedBalance(to), 3_000_000);
});

test('a chain that is kept goes on where it was', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'cryptopay-simnode-'));
  const args = ['--witnesses', '5', '--pace', '100', '--data', path.join(dir, 'chain')];
  const to = somebody().address.base58;
  const ids = async (one, n) => (await new TronWeb({ fullHost: one.nodes[0] }).trx.getBlockRange(0, n)).map((block) => block.blockID);
  try {
    const first = await SimChain.start({ args });
    await first.transfer(to, '7');
    await first.do('faucet', { to, trx: '3', usdt: '1.5' });
    await until(async () => (await first.status({ address: to })).balance === 8_500_000, 'it is mined');
    await first.do('fork', { depth: 1 });
    await first.do('pace', { ms: 0 });
    const { head } = await first.status();
    const before = await ids(first, head);
    await first.stop();
    const second = await SimChain.start({ args });
    assert.deepEqual(await ids(second, head), before);
    assert.equal((await second.status({ address: to })).balance, 8_500_000);
    await until(async () => (await second.status()).head > head, 'it goes on');
    await second.stop();
  } finally {
    rmSync(dir, { recursive: true });
  }
});

describe('a live checkout', () => {
  let server, receiver, shop;
  const millionths = (amount) => Math.round(Number(amount) * 1e6);
  const of = async (payment) => (await server.status(payment.payment_id, shop.live)).json.payment;
  const becomes = (payment, status, substatus) =>
    until(async () => {
      const now = await of(payment);
      return now.status === status && (substatus === undefined || now.substatus === substatus) && now;
    }, `payment ${payment.payment_id} is ${status} ${substatus ?? ''}`, 20000, 50).catch(async (error) => {
      throw new Error(`${error.message}; it is ${JSON.stringify(await of(payment))}\n${server.log.slice(-2000)}`);
    });
  // The gateway has read everything that is on the chain now.
  const passed = async () => {
    const { head } = await chain.status();
    await until(async () => (await server.cliJson(['chain', 'status'])).block > head, `block ${head} is in the book`, 20000, 100);
  };

  before(async () => {
    receiver = await Receiver.start();
    server = await Server.start({ args: chain.args(['--rate-limit', 'no']) });
    shop = await server.addProject({ webhook: receiver.url });
    await server.cliJson(['address', 'set-xpub', String(shop.app_id), XPUB]);
    assert.equal((await server.setProject(shop.app_id, { mode: 'live' })).code, 0);
  });
  after(async () => {
    await server?.close();
    await receiver?.close();
  });

  test('tronweb pays it: seen, confirming, paid, and the webhook verifies', async () => {
    const payment = await server.createOk(shop.live, { amount: '12.50' });
    assert.equal((await of(payment)).substatus, 'waiting');
    await chain.do('lag', { solid: 1000 }); // nothing becomes final
    const { signed } = await send(payment.address, millionths(payment.pay_amount));
    await becomes(payment, 'pending', 'confirming');
    await chain.do('lag');
    const now = await becomes(payment, 'paid');
    assert.equal(now.txid, signed.txID);
    const [webhook] = await receiver.wait(payment.payment_id);
    assert.equal(webhook.headers['x-signature'], hmacHex(shop.live.api_secret, webhook.body));
    assert.ok(standardSignatureOk(shop.live.webhook_secret, webhook));
    assert.deepEqual([JSON.parse(webhook.body).status, JSON.parse(webhook.body).txid], ['paid', signed.txID]);
  });

  test('two payments in one transaction are two payments', async () => {
    const first = await server.createOk(shop.live, { amount: '10.00' });
    const second = await server.createOk(shop.live, { amount: '20.00' });
    const to = [first, second].map((p) => ({ to: p.address, amount: p.pay_amount }));
    const { txid } = await chain.do('many', { to });
    for (const payment of [first, second]) assert.equal((await becomes(payment, 'paid')).txid, txid);
    await receiver.wait(first.payment_id);
    await receiver.wait(second.payment_id);
  });

  test('one that another contract makes counts like any other', async () => {
    const payment = await server.createOk(shop.live, { amount: '11.00' });
    const { txid } = await chain.transfer(payment.address, payment.pay_amount, { kind: 'internal' });
    assert.equal((await becomes(payment, 'paid')).txid, txid);
  });

  test('one short by what an exchange takes is underpaid, and paid with the rest', async () => {
    const payment = await server.createOk(shop.live, { amount: '30.00' });
    await send(payment.address, millionths(payment.pay_amount) - 1_000_000);
    await becomes(payment, 'pending', 'underpaid');
    const { signed } = await send(payment.address, 1_000_000);
    assert.equal((await becomes(payment, 'paid')).txid, signed.txID);
  });

  test('other tokens, TRX, nothing, and what failed pay nothing', async () => {
    const payment = await server.createOk(shop.live, { amount: '13.00' });
    for (const kind of ['fake', 'trx', 'revert', 'out_of_energy', 'out_of_time', 'illegal']) await chain.transfer(payment.address, payment.pay_amount, { kind });
    await chain.transfer(payment.address, '0');
    await passed();
    assert.deepEqual([(await of(payment)).status, (await of(payment)).substatus], ['pending', 'waiting']);
    await chain.transfer(payment.address, payment.pay_amount, { kind: 'fake_and_real' });
    await becomes(payment, 'paid');
  });

  test('on a shared address it waits for the merchant, with the payment it is for on top of the suggestions', async () => {
    const other = await server.addProject();
    await server.cliJson(['address', 'add', String(other.app_id), somebody().address.base58]);
    assert.equal((await server.setProject(other.app_id, { mode: 'live' })).code, 0);
    const first = await server.createOk(other.live, { amount: '40.00' });
    const second = await server.createOk(other.live, { amount: '70.00' });
    assert.equal(first.address, second.address);
    const { signed } = await send(first.address, millionths(first.pay_amount) - 1_000_000);
    const unmatched = () => server.cliLines(['transfer', 'list', '--unmatched']);
    const [row] = await until(async () => (await unmatched()).length && unmatched(), 'it is unmatched');
    assert.deepEqual([row.transfer, row.value, row.reason], [`${signed.txID}:0`, '39.000000', 'shared']);
    assert.deepEqual(row.suggestions.slice(0, 1).map((s) => [s.payment_id, s.why]), [[first.payment_id, 'fee']]);
    await server.cliJson(['transfer', 'attach', row.transfer, String(first.payment_id)]);
    const at = async () => (await server.status(first.payment_id, other.live)).json.payment;
    assert.deepEqual([(await at()).status, (await at()).substatus], ['pending', 'underpaid']);
    await send(first.address, 1_000_000);
    await until(async () => (await at()).status === 'paid', 'the rest pays it', 20000, 50);
    assert.deepEqual(await unmatched(), []);
  });

  test('late money turns what has expired into paid', async () => {
    const payment = await server.createOk(shop.live, { amount: '14.00' });
    await chain.do('jump', { ms: 3_600_000 });
    await becomes(payment, 'expired');
    await chain.transfer(payment.address, payment.pay_amount);
    assert.equal((await becomes(payment, 'paid')).substatus, 'late');
  });
});

describe('verified, while witnesses change and a node lies', () => {
  let signed, server, shop;
  const of = async (payment) => (await server.status(payment.payment_id, shop.live)).json.payment;
  const paid = (payment) =>
    until(async () => (await of(payment)).status === 'paid', `payment ${payment.payment_id} is paid`, 30000, 100).catch((error) => {
      throw new Error(`${error.message}\n${server.log.slice(-2000)}`);
    });

  before(async () => {
    // An election each 50 blocks, which come faster than their times say: signatures are judged by slots of three seconds.
    signed = await SimChain.start({ nodes: 2, args: ['--candidates', '41', '--pace', '50', '--slot', '3000', '--maintenance', '150000'] });
    server = await Server.start({ args: signed.args(['--rate-limit', 'no', '--trust', 'verified:1']) });
    shop = await server.addProject();
    await server.cliJson(['address', 'set-xpub', String(shop.app_id), XPUB]);
    assert.equal((await server.setProject(shop.app_id, { mode: 'live' })).code, 0);
  });
  after(async () => {
    await server?.close();
    await signed?.stop();
  });

  test('direct transfers are paid whatever the first node says of them, and a failed one is not', async () => {
    const start = (await signed.status()).head;
    const failed = await server.createOk(shop.live, { amount: '20.00' });
    for (const [i, lie] of ['hide', 'value', 'tx'].entries()) {
      await signed.do('lie', { choice: lie });
      for (let k = 0; k < 3; k++) await signed.do('vote', { witness: 28 + 2 * i + k, votes: 200_000_000 + i });
      const payment = await server.createOk(shop.live, { amount: '10.00' });
      await signed.transfer(failed.address, failed.pay_amount, { kind: 'revert' });
      await signed.transfer(payment.address, payment.pay_amount);
      await paid(payment);
    }
    assert.equal((await of(failed)).status, 'pending');
    assert.ok((await signed.status()).head - start > 52, 'at least one election');
  });

  test('what was paid directly can be handed on and checked without the gateway', async () => {
    const payment = await server.createOk(shop.live, { amount: '10.00' });
    await signed.transfer(payment.address, payment.pay_amount);
    await paid(payment);
    const file = (await server.cli(['proof', 'export', String(payment.payment_id)])).stdout;
    const { txid, token, to, witnesses } = JSON.parse(file);
    assert.equal(to, payment.address);
    const folder = mkdtempSync(path.join(tmpdir(), 'cryptopay-handed-on-'));
    writeFileSync(path.join(folder, 'proof.json'), file);
    writeFileSync(path.join(folder, 'witnesses.json'), JSON.stringify(witnesses));
    const args = ['proof', 'verify', 'proof.json', '--witness-file', 'witnesses.json', '--network', 'custom', '--usdt-contract', token];
    const verified = spawnSync(BINARY, [...args, '--json'], { cwd: folder, encoding: 'utf8' });
    rmSync(folder, { recursive: true, force: true });
    assert.equal(verified.status, 0, verified.stdout + verified.stderr);
    assert.equal(JSON.parse(verified.stdout).txid, txid);
    assert.equal(JSON.parse(verified.stdout).signed_by, 19);
  });
});
