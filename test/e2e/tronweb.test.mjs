// A wallet that we did not write, tronweb, on the simulated chain: what it builds, signs and broadcasts is taken, mined and
// shown as on a real one.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TronWeb, utils } from 'tronweb';
import { until } from './harness.mjs';
import { SimChain } from './simnode.mjs';

const ABI = [
  { name: 'transfer', type: 'function', stateMutability: 'nonpayable', inputs: [{ name: 'to', type: 'address' }, { name: 'value', type: 'uint256' }], outputs: [{ name: '', type: 'bool' }] },
  { name: 'balanceOf', type: 'function', stateMutability: 'view', inputs: [{ name: 'who', type: 'address' }], outputs: [{ name: '', type: 'uint256' }] },
  { name: 'decimals', type: 'function', stateMutability: 'view', inputs: [], outputs: [{ name: '', type: 'uint8' }] },
  { name: 'symbol', type: 'function', stateMutability: 'view', inputs: [], outputs: [{ name: '', type: 'string' }] },
];
const TRANSFER = 'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';

let chain, wallet, me;
const somebody = () => utils.accounts.generateAccount();
const balance = async (address) => BigInt(await wallet.contract(ABI, chain.token).balanceOf(address).call());
const receipt = (txid) =>
  until(async () => {
    const info = await wallet.trx.getUnconfirmedTransactionInfo(txid);
    return info.id && info;
  }, `receipt of ${txid}`);

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
  const data = [{ type: 'address', value: to }, { type: 'uint256', value: '12500000' }];
  const built = await wallet.transactionBuilder.triggerSmartContract(chain.token, 'transfer(address,uint256)', { feeLimit: 100_000_000 }, data, me.address.base58);
  assert.equal(built.result.result, true);
  const signed = await wallet.trx.sign(built.transaction);
  const sent = await wallet.trx.sendRawTransaction(signed);
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
  const data = [{ type: 'address', value: to }, { type: 'uint256', value: '5000000000' }];
  const built = await wallet.transactionBuilder.triggerSmartContract(chain.token, 'transfer(address,uint256)', { feeLimit: 100_000_000 }, data, me.address.base58);
  const sent = await wallet.trx.sendRawTransaction(await wallet.trx.sign(built.transaction));
  const info = await receipt(sent.transaction.txID);
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
