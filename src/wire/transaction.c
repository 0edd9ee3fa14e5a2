#include "wire/transaction.h"
#include "wire/protobuf.h"

#include <string.h>

enum { TX_RAW = 1, TX_SIGNATURE = 2, TX_RET = 5, RET_CONTRACT_RET = 3 };
enum { RAW_CONTRACT = 11, CONTRACT_TYPE = 1, CONTRACT_PARAMETER = 2, TYPE_TRIGGER = 31 };
enum { ANY_TYPE = 1, ANY_VALUE = 2, TRIGGER_OWNER = 1, TRIGGER_CONTRACT = 2, TRIGGER_DATA = 4 };
enum { ADDRESS_PREFIX = 0x41, WORD_N = 32, SELECTOR_N = 4 };

// One part of a message, which must stand there exactly once and be bytes.
static bool part(struct str message, uint32_t number, struct str *out) {
  struct pb_field f;
  int times = 0;
  while (pb_next(&message, &f)) {
    if (f.number != number)
      continue;
    if (!f.is_bytes || ++times > 1)
      return false;
    *out = f.bytes;
  }
  return message.n == 0 && times == 1;
}

static bool type_is_trigger(struct str contract) {
  struct pb_field f;
  int times = 0;
  bool is = false;
  while (pb_next(&contract, &f))
    if (f.number == CONTRACT_TYPE) {
      is = !f.is_bytes && f.value == TYPE_TRIGGER;
      times++;
    }
  return contract.n == 0 && is && times == 1;
}

static bool address_is(struct str bytes, struct tron_address *out) {
  if (bytes.n != 1 + ADDRESS_N || bytes.p[0] != ADDRESS_PREFIX)
    return false;
  memcpy(out->account, bytes.p + 1, ADDRESS_N);
  return true;
}

// Word `i` of the call's arguments as the contract sees it: the low 20 bytes, whatever stands above them.
static void word_address(struct str data, size_t i, struct tron_address *out) {
  memcpy(out->account, data.p + SELECTOR_N + (i + 1) * WORD_N - ADDRESS_N, ADDRESS_N);
}

// transfer(to, value) or transferFrom(from, to, value), with all of their arguments; what follows is not
// read.
static bool call(struct str data, const struct tron_address *owner, struct block_tx *out) {
  size_t value = 1;
  if (str_starts(data, (struct str){"\xa9\x05\x9c\xbb", SELECTOR_N}))
    out->from = *owner;
  else if (str_starts(data, (struct str){"\x23\xb8\x72\xdd", SELECTOR_N}))
    value = 2;
  else
    return false;
  if (data.n < SELECTOR_N + (value + 1) * WORD_N)
    return false;
  if (value == 2)
    word_address(data, 0, &out->from);
  word_address(data, value - 1, &out->to);
  memcpy(out->amount, data.p + SELECTOR_N + value * WORD_N, WORD_N);
  return true;
}

static bool is_call(struct str raw, const struct tron_address *token, struct block_tx *out) {
  struct str contract, any, type, trigger, owner, callee, data;
  struct tron_address caller, called;
  return part(raw, RAW_CONTRACT, &contract) && type_is_trigger(contract) &&
         part(contract, CONTRACT_PARAMETER, &any) && part(any, ANY_TYPE, &type) &&
         str_ends(type, STR("/protocol.TriggerSmartContract")) && part(any, ANY_VALUE, &trigger) &&
         part(trigger, TRIGGER_CONTRACT, &callee) && address_is(callee, &called) &&
         memcmp(called.account, token->account, ADDRESS_N) == 0 && part(trigger, TRIGGER_OWNER, &owner) &&
         address_is(owner, &caller) && part(trigger, TRIGGER_DATA, &data) && call(data, &caller, out);
}

static bool ret_succeeded(struct str ret) {
  struct pb_field f;
  int64_t contract_ret = 0;
  while (pb_next(&ret, &f))
    if (f.number == RET_CONTRACT_RET)
      contract_ret = f.is_bytes ? 0 : f.value;
  return ret.n == 0 && contract_ret == TRANSACTION_SUCCESS;
}

bool transaction_read(struct str bytes, const struct tron_address *token, struct block_tx *out) {
  struct str rest = bytes, raw = STR_NONE;
  struct pb_field f;
  bool has_ret = false;
  *out = (struct block_tx){.succeeded = false};
  while (pb_next(&rest, &f)) {
    if (!f.is_bytes || (f.number == TX_RAW && raw.p))
      return false;
    if (f.number == TX_RAW)
      raw = f.bytes;
    if (f.number == TX_RET && !has_ret) { // the first one is the outcome
      has_ret = true;
      out->succeeded = ret_succeeded(f.bytes);
    }
  }
  if (rest.n > 0 || !raw.p)
    return false;
  sha256(raw, out->id);
  sha256(bytes, out->leaf);
  out->is_direct = is_call(raw, token, out);
  out->bytes = out->is_direct ? bytes : STR_NONE;
  return true;
}
