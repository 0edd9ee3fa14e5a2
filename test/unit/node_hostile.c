// Nodes that lie, fail, stall, limit and contradict each other, against what may be credited. Each case is a
// line: what the first of the nodes does while the chain goes from block 12 to 20 (or later, or always),
// tried with that node alone, with a quorum of 2 of 3 and in verified mode with 2 of 3. Whatever it is:
// nothing is given out that the chain does not have, nothing that it has is left out, no turn takes longer
// than it may, and memory stays small. With two honest nodes all of it arrives in time; alone, when the node
// has come to its senses.
//
//   build/test/node_hostile --list       the cases
//   build/test/node_hostile WORD         those whose name has the word, with what happens
#include "../support/hostile.h"

#include "base/hex.h"
#include "node/client.h"
#include "wire/block_json.h"
#include <sys/resource.h>

enum {
  FIRST_BLOCK = 8, // where the gateway begins
  FAULT_FROM = 12,
  FAULT_TO = 20,
  FORK_LONG = 3,  // blocks of a branch that is not final: too few witnesses for that
  LATE_FROM = 22, // the book stands above FORK_AT then
  LATE_TO = 30,
  TARGET = 36,        // all up to here must have come
  IN_TIME_BLOCK = 70, // with two honest nodes: before this one is made
  TURN_MAX_MS = 60000,
  MEMORY_MAX_MIB = 128,
  HOURS_MAX = 6,
};

enum mode { ONE, QUORUM, VERIFIED, MODES };
static const char *const mode_names[MODES] = {"one node", "quorum 2 of 3", "verified:2 of 3"};

enum {
  HEAD = 1,
  SOLID = 2,
  BLOCK = 4,
  RECEIPTS = 8,
  GENESIS = 16,
  CALL = 32,
  WITNESSES = 64,
  OTHERS = 128,
  ALL = 255
};
enum how {
  CHANGE,  // steps of support/hostile.h, in `text`
  BODY,    // `text` instead, `number` times (0: once)
  HEAD_OF, // only so many percent of the answer
  INSERT,  // behind the answer's first "{"
  STATUS,  // `number`, with `text`
  RETRY,   // 429 and Retry-After: `number`
  FAIL,    // enum fetch_error `number`
  FLAKY,   // in `number` % of cases
  DELAY,   // milliseconds
  LAG,     // blocks
  STAND,   // still, at block FAULT_FROM
  BACK,    // and forth by so many blocks
  SOLID_AT_HEAD,
  FAR,          // a final head of the greatest number, with an id that holds
  FORK,         // another chain from FORK_AT on, final as far as that one is
  FORK_AT_HEAD, // the same, not final above FORK_AT - 1
  FOREIGN,      // another chain altogether
  SHIFT,        // a block or receipts of so many further are given
};
enum {
  FOOLS = 1,         // who has only this node believes it
  ALWAYS = 2,        // it never mends
  START = 4,         // from the start on
  ALL_OF_THEM = 8,   // every node does so
  LAST = 64,         // the last of them does, not the first
  LATE = 16,         // from LATE_FROM to LATE_TO
  SIGNED_TWICE = 32, // all witnesses have signed two histories: not in verified mode, which trusts in that
                     // they do not
};

struct hostile {
  const char *name;
  int on;
  enum how how;
  const char *text;
  int number, flags;
};

#define H64      "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TRANSFER "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
#define SOMEBODY "0000000000000000000000001111111111111111111111111111111111111111"
#define LOG_OF(address)                                                                                      \
  "{\"address\":\"" address "\",\"topics\":[\"" TRANSFER "\",\"" SOMEBODY "\",\"" SOMEBODY "\"],"            \
  "\"data\":\"00000000000000000000000000000000000000000000000000000000000f4240\"}"
#define RAW "a.block_header.raw_data."

static const struct hostile cases[] = {
    {"an honest node", ALL, DELAY, NULL, 0, 0},

    // --- no answer ---
    {"connection refused", ALL, FAIL, NULL, FETCH_NO_CONNECTION, 0},
    {"connection refused for ever", ALL, FAIL, NULL, FETCH_NO_CONNECTION, START | ALWAYS},
    {"stalls", ALL, FAIL, NULL, FETCH_TIMEOUT, 0},
    {"stalls for ever", ALL, FAIL, NULL, FETCH_TIMEOUT, START | ALWAYS},
    {"stalls on receipts for ever", RECEIPTS, FAIL, NULL, FETCH_TIMEOUT, START | ALWAYS},
    {"stalls on blocks for ever", BLOCK, FAIL, NULL, FETCH_TIMEOUT, START | ALWAYS},
    {"stalls on its final head for ever", SOLID, FAIL, NULL, FETCH_TIMEOUT, START | ALWAYS},
    {"stalls on block 0", GENESIS, FAIL, NULL, FETCH_TIMEOUT, START},
    {"TLS fails", ALL, FAIL, NULL, FETCH_TLS, 0},
    {"answers end early", ALL, FAIL, NULL, FETCH_BROKEN, 0},
    {"answers without an end", ALL, FAIL, NULL, FETCH_TOO_LARGE, 0},
    {"receipts without an end, for ever", RECEIPTS, FAIL, NULL, FETCH_TOO_LARGE, ALWAYS},
    {"blocks without an end, for ever", BLOCK, FAIL, NULL, FETCH_TOO_LARGE, ALWAYS},
    {"fails in 3 cases of 10", ALL, FLAKY, NULL, 30, START | ALWAYS},
    {"fails in 6 cases of 10", ALL, FLAKY, NULL, 60, START},
    {"receipts fail in 5 cases of 10", RECEIPTS, FLAKY, NULL, 50, START},
    {"each answer takes 2 s", ALL, DELAY, NULL, 2000, 0},
    {"each answer takes 5 s", ALL, DELAY, NULL, 5000, 0},
    {"receipts take 10 s", RECEIPTS, DELAY, NULL, 10000, 0},
    {"all nodes take 1 s", ALL, DELAY, NULL, 1000, START | ALWAYS | ALL_OF_THEM},

    // --- refusals ---
    {"429", ALL, STATUS, "{\"Error\":\"slow down\"}", 429, 0},
    {"429 for an hour", ALL, RETRY, "{}", 3600, 0},
    {"429 for an hour, all nodes", ALL, RETRY, "{}", 3600, ALL_OF_THEM},
    {"429 on receipts", RECEIPTS, STATUS, "{}", 429, 0},
    {"suspended for 27 s", ALL, STATUS,
     "{\"Error\":\"The key exceeds the frequency limit(15), and the query server is suspended for 27 s\"}",
     429, 0},
    {"suspended for 5 s, inside 200", ALL, STATUS,
     "{\"Error\":\"request rate exceeded the allowed_rps(10), and the query server is suspended for 5 s\"}",
     200, 0},
    {"suspended for a number without sense", ALL, STATUS,
     "{\"Error\":\"is suspended for 99999999999999999999 s\"}", 403, 0},
    {"suspended for minus 5 s", ALL, STATUS, "{\"Error\":\"is suspended for -5 s\"}", 403, 0},
    {"API key not known", ALL, STATUS, "{\"Error\":\"ApiKey not exists\"}", 403, 0},
    {"401", ALL, STATUS, "", 401, 0},
    {"no such path", ALL, STATUS, "<html>404</html>", 404, 0},
    {"method refused", ALL, STATUS, "<html>405</html>", 405, 0},
    {"the API is off", RECEIPTS, STATUS, "{\"Error\":\"this API is unavailable due to config\"}", 404, 0},
    {"redirects", ALL, STATUS, "", 301, 0},
    {"redirects, with an answer", ALL, STATUS, "{\"blockID\":\"" H64 "\"}", 302, 0},
    {"500", ALL, STATUS, "{}", 500, 0},
    {"502 with HTML", ALL, STATUS, "<html>Bad gateway</html>", 502, 0},
    {"503", ALL, STATUS, "", 503, 0},
    {"204", ALL, STATUS, "", 204, 0},
    {"206", BLOCK | RECEIPTS, STATUS, "{}", 206, 0},
    {"error inside 200", ALL, BODY, "{\"Error\":\"class java.lang.NullPointerException : null\"}", 0, 0},
    {"no computing resources", ALL, BODY,
     "{\"Error\":\"class java.lang.IllegalAccessException : lack of computing resources\"}", 0, 0},
    {"error without text", ALL, BODY, "{\"Error\":null}", 0, 0},
    {"error beside an answer", RECEIPTS | BLOCK, INSERT, "\"Error\":\"x\",", 0, 0},
    {"a lite node", BLOCK | RECEIPTS, BODY, "this API is closed because this node is a lite fullnode", 0, 0},

    // --- what is no JSON ---
    {"empty answers", ALL, BODY, "", 0, 0},
    {"a line's end", ALL, BODY, "\n", 0, 0},
    {"HTML", ALL, BODY, "<!DOCTYPE html><html><body>It works!</body></html>", 0, 0},
    {"null", ALL, BODY, "null", 0, 0},
    {"true", ALL, BODY, "true", 0, 0},
    {"a number", ALL, BODY, "7", 0, 0},
    {"a text", ALL, BODY, "\"0\"", 0, 0},
    {"{", ALL, BODY, "{", 0, 0},
    {"[", ALL, BODY, "[", 0, 0},
    {"[[[[ a million deep", ALL, BODY, "[", 1000000, 0},
    {"objects a million deep", BLOCK | RECEIPTS, BODY, "{\"a\":", 1000000, 0},
    {"11 MB of spaces", RECEIPTS, BODY, "           ", 1000000, 0},
    {"11 MB of one text", BLOCK, BODY, "\"aaaaaaaaaa", 1000000, 0},
    {"6 MB of brackets side by side", RECEIPTS, BODY, "{},{},", 1000000, 0},
    {"9 MB of minus signs", BLOCK | RECEIPTS, BODY, "---------", 1000000, 0},
    {"bytes that are no UTF-8", ALL, BODY, "{\"blockID\":\"\xff\xfe\xc0\"}", 0, 0},
    {"cut in the middle", ALL, HEAD_OF, NULL, 50, 0},
    {"cut near the end", BLOCK | RECEIPTS, HEAD_OF, NULL, 99, 0},
    {"cut near the beginning", ALL, HEAD_OF, NULL, 2, 0},
    {"two answers in one", BLOCK | RECEIPTS | SOLID, BODY, "{}", 2, 0},
    {"an answer with JavaScript around it", ALL, BODY, "callback({\"blockID\":1})", 0, 0},
    {"a byte order mark", ALL, BODY, "\xef\xbb\xbf{}", 0, 0},
    {"single quotes", ALL, BODY, "{'blockID':'" H64 "'}", 0, 0},
    {"a comment", ALL, BODY, "/* */{}", 0, 0},

    // --- nothing ---
    {"{} to everything", ALL, BODY, "{}", 0, 0},
    {"{} to everything, for ever", ALL, BODY, "{}", 0, START | ALWAYS},
    {"[] to everything", ALL, BODY, "[]", 0, 0},
    {"has no blocks", BLOCK, BODY, "{}", 0, 0},
    {"has no receipts", RECEIPTS, BODY, "[]", 0, 0},
    {"has no receipts, for ever", RECEIPTS, BODY, "[]", 0, START | ALWAYS},
    {"{} for receipts", RECEIPTS, BODY, "{}", 0, 0},
    {"has no final head", SOLID, BODY, "{}", 0, 0},
    {"has no block 0", GENESIS, BODY, "{}", 0, START},
    {"batches are empty", BLOCK, BODY, "{\"block\":[]}", 0, 0},
    {"batches are no list", BLOCK, BODY, "{\"block\":{}}", 0, 0},
    {"batches of nulls", BLOCK, BODY, "{\"block\":[null,null]}", 0, 0},

    // --- blocks that are not what they should be ---
    {"another block's id", BLOCK | SOLID, CHANGE, "digit a.blockID -1", 0, 0},
    {"another block's id, for ever", BLOCK | SOLID, CHANGE, "digit a.blockID -1", 0, ALWAYS},
    {"an id whose height is wrong", BLOCK, CHANGE, "digit a.blockID 15", 0, 0},
    {"an id that is short", BLOCK | SOLID, CHANGE, "cut a.blockID 2", 0, 0},
    {"an id that is long", BLOCK | SOLID, CHANGE, "append a.blockID 00", 0, 0},
    {"no id", BLOCK | SOLID, CHANGE, "del a.blockID", 0, 0},
    {"an id that is a number", BLOCK, CHANGE, "set a.blockID 7", 0, 0},
    {"the id in capitals", BLOCK, CHANGE, "upper a.blockID", 0, 0},
    {"the height plus one", BLOCK, CHANGE, "add " RAW "number 1", 0, 0},
    {"the height minus one", BLOCK, CHANGE, "add " RAW "number -1", 0, 0},
    {"the height as text", BLOCK | SOLID, CHANGE, "text " RAW "number", 0, 0},
    {"no height", BLOCK | SOLID, CHANGE, "del " RAW "number", 0, 0},
    {"a height below 0", BLOCK | SOLID, CHANGE, "set " RAW "number -5", 0, 0},
    {"the greatest height", SOLID, CHANGE, "set " RAW "number 9223372036854775807", 0, 0},
    {"a height with a fraction", BLOCK | SOLID, CHANGE, "set " RAW "number 12.5", 0, 0},
    {"another parent", BLOCK, CHANGE, "digit " RAW "parentHash -1", 0, 0},
    {"no parent", BLOCK, CHANGE, "del " RAW "parentHash", 0, 0},
    {"a parent of another height", BLOCK, CHANGE, "digit " RAW "parentHash 15", 0, 0},
    {"time one second later", BLOCK, CHANGE, "add " RAW "timestamp 1000", 0, 0},
    {"time a day in the future", BLOCK | SOLID, CHANGE, "add " RAW "timestamp 86400000", 0, 0},
    {"time a year ago", BLOCK | SOLID, CHANGE, "add " RAW "timestamp -31536000000", 0, 0},
    {"time 0", BLOCK | SOLID, CHANGE, "set " RAW "timestamp 0", 0, 0},
    {"no time", BLOCK | SOLID, CHANGE, "del " RAW "timestamp", 0, 0},
    {"time as text", BLOCK | SOLID, CHANGE, "text " RAW "timestamp", 0, 0},
    {"the greatest time", BLOCK | SOLID, CHANGE, "set " RAW "timestamp 9223372036854775807", 0, 0},
    {"the least time", BLOCK | SOLID, CHANGE, "set " RAW "timestamp -9223372036854775807", 0, 0},
    {"another Merkle root", BLOCK, CHANGE, "digit " RAW "txTrieRoot 3", 0, 0},
    {"no Merkle root", BLOCK, CHANGE, "del " RAW "txTrieRoot", 0, 0},
    {"another witness", BLOCK, CHANGE, "digit " RAW "witness_address -1", 0, 0},
    {"no witness", BLOCK, CHANGE, "del " RAW "witness_address", 0, 0},
    {"another version", BLOCK, CHANGE, "add " RAW "version 1", 0, 0},
    {"a signature with another digit", BLOCK, CHANGE, "digit a.block_header.witness_signature 7", 0, 0},
    {"a signature of zeros", BLOCK, CHANGE, "set a.block_header.witness_signature \"" H64 H64 "00\"", 0, 0},
    {"a signature that is short", BLOCK, CHANGE, "cut a.block_header.witness_signature 2", 0, 0},
    {"no signature", BLOCK, CHANGE, "del a.block_header.witness_signature", 0, 0},
    {"no header", BLOCK | SOLID, CHANGE, "del a.block_header", 0, 0},
    {"a header that is a list", BLOCK | SOLID, CHANGE, "set a.block_header []", 0, 0},
    {"header's data null", BLOCK | SOLID, CHANGE, "set a.block_header.raw_data null", 0, 0},
    {"the block before", BLOCK, SHIFT, NULL, -1, 0},
    {"the block after", BLOCK, SHIFT, NULL, 1, 0},
    {"block 3 for every block", BLOCK, SHIFT, NULL, -1000, 0},
    {"id twice, the wrong one first", BLOCK | SOLID, INSERT, "\"blockID\":\"" H64 "\",", 0, 0},
    {"header twice", BLOCK | SOLID, INSERT, "\"block_header\":{\"raw_data\":{\"number\":1}},", 0, 0},
    {"transactions twice", BLOCK, INSERT, "\"transactions\":[],", 0, 0},

    // --- their transactions ---
    {"no transactions", BLOCK, CHANGE, "del a.transactions", 0, 0},
    {"an empty list of transactions", BLOCK, CHANGE, "set a.transactions []", 0, 0},
    {"the first transaction is left out", BLOCK, CHANGE, "del a.transactions[0]", 0, 0},
    {"the last transaction is left out", BLOCK, CHANGE, "del a.transactions[-1]", 0, 0},
    {"two transactions have changed places", BLOCK, CHANGE, "swap a.transactions", 0, 0},
    {"a transaction is told twice", BLOCK, CHANGE, "twice a.transactions", 0, 0},
    {"a transaction that is null", BLOCK, CHANGE, "set a.transactions[0] null", 0, 0},
    {"a transaction id has another digit", BLOCK, CHANGE, "digit a.transactions[*].txID 5", 0, 0},
    {"no transaction ids", BLOCK, CHANGE, "del a.transactions[*].txID", 0, 0},
    {"a transaction's bytes have another digit", BLOCK, CHANGE, "digit a.transactions[*].raw_data_hex -3", 0,
     0},
    {"no bytes of transactions", BLOCK, CHANGE, "del a.transactions[*].raw_data_hex", 0, 0},
    {"bytes of odd length", BLOCK, CHANGE, "cut a.transactions[*].raw_data_hex 1", 0, 0},
    {"bytes and id of a transaction swapped with another's", BLOCK, CHANGE,
     "swap a.transactions; digit a.transactions[0].txID 0", 0, 0},
    {"failures told as successes", BLOCK, CHANGE, "set a.transactions[*].ret[0].contractRet \"SUCCESS\"", 0,
     0},
    {"successes told as failures", BLOCK, CHANGE, "set a.transactions[*].ret[0].contractRet \"REVERT\"", 0,
     0},
    {"an outcome that nobody knows", BLOCK, CHANGE, "set a.transactions[*].ret[0].contractRet \"FINE\"", 0,
     0},
    {"no outcomes", BLOCK, CHANGE, "del a.transactions[*].ret", 0, 0},
    {"outcomes that are numbers", BLOCK, CHANGE, "set a.transactions[*].ret[0].contractRet 1", 0, 0},
    {"two outcomes each", BLOCK, CHANGE, "twice a.transactions[*].ret", 0, 0},
    {"signatures of transactions left out", BLOCK, CHANGE, "del a.transactions[*].signature", 0, 0},

    // --- receipts: what does not fit the block ---
    {"the first receipt is left out", RECEIPTS, CHANGE, "del a[0]", 0, 0},
    {"the last receipt is left out", RECEIPTS, CHANGE, "del a[-1]", 0, 0},
    {"the last receipt is left out, for ever", RECEIPTS, CHANGE, "del a[-1]", 0, ALWAYS},
    {"two receipts have changed places", RECEIPTS, CHANGE, "swap a", 0, 0},
    {"a receipt is told twice", RECEIPTS, CHANGE, "twice a", 0, 0},
    {"one receipt too many", RECEIPTS, CHANGE, "push a {}", 0, 0},
    {"receipts are null", RECEIPTS, CHANGE, "set a[*] null", 0, 0},
    {"receipts within a list", RECEIPTS, CHANGE, "push a []", 0, 0},
    {"receipts of the block before", RECEIPTS, SHIFT, NULL, -1, 0},
    {"receipts of the block after", RECEIPTS, SHIFT, NULL, 1, 0},
    {"ids of receipts have another digit", RECEIPTS, CHANGE, "digit a[*].id 9", 0, 0},
    {"no ids of receipts", RECEIPTS, CHANGE, "del a[*].id", 0, 0},
    {"receipts of another height", RECEIPTS, CHANGE, "add a[*].blockNumber 1", 0, 0},
    {"heights of receipts as text", RECEIPTS, CHANGE, "text a[*].blockNumber", 0, 0},
    {"no heights of receipts", RECEIPTS, CHANGE, "del a[*].blockNumber", 0, 0},
    {"receipts of another time", RECEIPTS, CHANGE, "add a[*].blockTimeStamp 3000", 0, 0},
    {"no times of receipts", RECEIPTS, CHANGE, "del a[*].blockTimeStamp", 0, 0},
    {"a receipt's id twice", RECEIPTS, INSERT, "\"id\":\"" H64 "\",", 0, 0},

    // --- receipts: what they say ---
    {"failed receipts lose their failure", RECEIPTS, CHANGE, "del a[*].result", 0, 0},
    {"failed receipts say SUCCESS", RECEIPTS, CHANGE, "del a[*].result; set a[*].receipt.result \"SUCCESS\"",
     0, 0},
    {"failures told as successes by blocks and receipts alike", BLOCK | RECEIPTS, CHANGE,
     "set a.transactions[*].ret[0].contractRet \"SUCCESS\"; del a[*].result; set a[*].receipt.result "
     "\"SUCCESS\"",
     0, FOOLS},
    {"failed receipts have logs of the token", RECEIPTS, CHANGE,
     "push a[*].log " LOG_OF("$TOKEN") "; del a[*].result; set a[*].receipt.result \"SUCCESS\"", 0, FOOLS},
    {"results are texts that nobody knows", RECEIPTS, CHANGE, "set a[*].receipt.result \"FINE\"", 0, FOOLS},
    {"results are numbers", RECEIPTS, CHANGE, "set a[*].receipt.result 1", 0, FOOLS},
    {"results are missing", RECEIPTS, CHANGE, "del a[*].receipt.result", 0, FOOLS},
    {"all receipts say FAILED", RECEIPTS, CHANGE, "set a[*].result \"FAILED\"", 0, FOOLS},
    {"no receipt's inside", RECEIPTS, CHANGE, "del a[*].receipt", 0, FOOLS},
    {"logs are left out", RECEIPTS, CHANGE, "del a[*].log", 0, FOOLS},
    {"logs are left out, for ever", RECEIPTS, CHANGE, "del a[*].log", 0, FOOLS | ALWAYS},
    {"the first log is left out", RECEIPTS, CHANGE, "del a[*].log[0]", 0, FOOLS},
    {"logs are told twice", RECEIPTS, CHANGE, "twice a[*].log", 0, FOOLS},
    {"logs in another order", RECEIPTS, CHANGE, "swap a[*].log", 0, FOOLS},
    {"one more log of the token", RECEIPTS, CHANGE, "push a[*].log " LOG_OF("$TOKEN"), 0, FOOLS},
    {"one more log of the token, for ever", RECEIPTS, CHANGE, "push a[*].log " LOG_OF("$TOKEN"), 0,
     FOOLS | ALWAYS},
    {"one more log of a counterfeit", RECEIPTS, CHANGE, "push a[*].log " LOG_OF("$FAKE"), 0, 0},
    {"logs of the counterfeit become the token's", RECEIPTS, CHANGE, "set a[*].log[*].address \"$TOKEN\"", 0,
     FOOLS},
    {"logs of the token become a counterfeit's", RECEIPTS, CHANGE, "set a[*].log[*].address \"$FAKE\"", 0,
     FOOLS},
    {"values have another digit", RECEIPTS, CHANGE, "digit a[*].log[*].data -1", 0, FOOLS},
    {"values of a quarter of all", RECEIPTS, CHANGE, "digit a[*].log[*].data -12", 0, FOOLS},
    {"values beyond 64 bits", RECEIPTS, CHANGE, "digit a[*].log[*].data 0", 0, FOOLS},
    {"values that are short", RECEIPTS, CHANGE, "cut a[*].log[*].data 2", 0, FOOLS},
    {"values that are long", RECEIPTS, CHANGE, "append a[*].log[*].data 00", 0, FOOLS},
    {"values that are numbers", RECEIPTS, CHANGE, "set a[*].log[*].data 1000000", 0, FOOLS},
    {"no values", RECEIPTS, CHANGE, "del a[*].log[*].data", 0, FOOLS},
    {"values that are no hex", RECEIPTS, CHANGE, "append a[*].log[*].data zz", 0, FOOLS},
    {"recipients have another digit", RECEIPTS, CHANGE, "digit a[*].log[*].topics[2] -1", 0, FOOLS},
    {"recipients with other leading bytes", RECEIPTS, CHANGE, "digit a[*].log[*].topics[2] 2", 0, FOOLS},
    {"senders have another digit", RECEIPTS, CHANGE, "digit a[*].log[*].topics[1] -1", 0, FOOLS},
    {"senders and recipients have changed places", RECEIPTS, CHANGE,
     "swap a[*].log[*].topics; swap a[*].log[*].topics; del a[*].log[*].topics[0]", 0, FOOLS},
    {"another event", RECEIPTS, CHANGE, "digit a[*].log[*].topics[0] 4", 0, FOOLS},
    {"two topics", RECEIPTS, CHANGE, "del a[*].log[*].topics[2]", 0, FOOLS},
    {"four topics", RECEIPTS, CHANGE, "push a[*].log[*].topics \"" SOMEBODY "\"", 0, FOOLS},
    {"no topics", RECEIPTS, CHANGE, "del a[*].log[*].topics", 0, FOOLS},
    {"a topic that is a number", RECEIPTS, CHANGE, "set a[*].log[*].topics[1] 5", 0, FOOLS},
    {"contracts with their first byte 41", RECEIPTS, CHANGE, "set a[*].log[*].address \"41$TOKEN\"", 0,
     FOOLS},
    {"contracts with 0x", RECEIPTS, CHANGE, "set a[*].log[*].address \"0x$TOKEN\"", 0, FOOLS},
    {"no contracts", RECEIPTS, CHANGE, "del a[*].log[*].address", 0, FOOLS},
    {"logs are an object", RECEIPTS, CHANGE, "set a[*].log {}", 0, FOOLS},
    {"logs are null", RECEIPTS, CHANGE, "set a[*].log null", 0, FOOLS},
    {"a log that is a text", RECEIPTS, CHANGE, "set a[*].log[0] \"x\"", 0, FOOLS},

    // --- heads ---
    {"lags by 2 blocks", ALL, LAG, NULL, 2, START | ALWAYS},
    {"lags by 5 blocks", ALL, LAG, NULL, 5, 0},
    {"lags by 5 blocks, for ever", ALL, LAG, NULL, 5, START | ALWAYS},
    {"stands still", ALL, STAND, NULL, 0, 0},
    {"stands still, for ever", ALL, STAND, NULL, 0, ALWAYS},
    {"its head goes back and forth by 3", ALL, BACK, NULL, 3, 0},
    {"its head goes back and forth by 6, for ever", ALL, BACK, NULL, 6, START | ALWAYS},
    {"every head is final", SOLID, SOLID_AT_HEAD, NULL, 0, FOOLS},
    {"every head is final, for ever", SOLID, SOLID_AT_HEAD, NULL, 0, START | ALWAYS | FOOLS},
    {"every head is final and has its receipts", SOLID | RECEIPTS, SOLID_AT_HEAD, NULL, 0, FOOLS},
    {"a final head far in the future", SOLID, CHANGE, "add " RAW "number 1000000", 0, 0},
    {"a final head at the end of all numbers", SOLID, FAR, NULL, 0, START | ALWAYS | FOOLS},
    {"blocks far in the future", BLOCK, CHANGE, "add " RAW "number 1000000", 0, 0},
    {"a final head above the newest block", SOLID, CHANGE, "add " RAW "number 5", 0, 0},
    {"a final head with another's id", SOLID, CHANGE, "digit a.blockID -1", 0, 0},
    {"a final head with another's id, for ever", SOLID, CHANGE, "digit a.blockID -1", 0, ALWAYS},
    {"a final head of block 1", SOLID, CHANGE, "set " RAW "number 1", 0, 0},

    // --- forks ---
    {"another branch, not final, and back", ALL, FORK_AT_HEAD, NULL, 0, 0},
    {"another branch, not final, for ever", ALL, FORK_AT_HEAD, NULL, 0, ALWAYS},
    {"all nodes on another branch, not final, and back", ALL, FORK_AT_HEAD, NULL, 0, ALL_OF_THEM},
    {"another branch, final below our blocks", ALL, FORK, NULL, 0, FOOLS | SIGNED_TWICE},
    {"another branch, final, for ever", ALL, FORK, NULL, 0, FOOLS | ALWAYS | SIGNED_TWICE},
    {"another branch that left below the book", ALL, FORK, NULL, 0, LATE},
    {"another branch that left below the book, for ever", ALL, FORK, NULL, 0, LATE | ALWAYS},
    {"another branch, not final, below the book", ALL, FORK_AT_HEAD, NULL, 0, LATE},
    {"blocks of another branch", BLOCK, FORK, NULL, 0, SIGNED_TWICE},
    {"receipts of another branch", RECEIPTS, FORK, NULL, 0, 0},
    {"final heads of another branch", SOLID, FORK, NULL, 0, 0},

    // --- another chain, another token ---
    {"another chain's block 0", GENESIS, CHANGE, "digit a.blockID -1", 0, START},
    {"another chain's block 0, for ever", GENESIS, CHANGE, "digit a.blockID -1", 0, START | ALWAYS},
    {"another chain altogether", ALL, FOREIGN, NULL, 0, 0},
    {"another chain altogether, from the start", ALL, FOREIGN, NULL, 0, START},
    {"another chain altogether, for ever", ALL, FOREIGN, NULL, 0, START | ALWAYS},
    {"block 0 has no id", GENESIS, CHANGE, "del a.blockID", 0, START},
    {"block 0 is block 1", GENESIS, SHIFT, NULL, 1, START},
    {"the token has 18 decimals", CALL, CHANGE,
     "set a.constant_result [\"0000000000000000000000000000000000000000000000000000000000000012\"]", 0,
     START | FOOLS},
    {"there is no such contract", CALL, BODY,
     "{\"result\":{\"code\":\"CONTRACT_VALIDATE_ERROR\",\"message\":\"00\"}}", 0, START},
    {"constant calls make no sense", CALL, BODY, "{\"result\":[]}", 0, START},
    {"constant calls fail", CALL, STATUS, "{}", 500, START},
    {"witnesses that are nobody", WITNESSES, BODY, "{\"witnesses\":[]}", 0, START},
    {"other witnesses", WITNESSES, CHANGE, "digit a.witnesses[*].address -1", 0, START},
    {"one witness fewer", WITNESSES, CHANGE, "del a.witnesses[0]", 0, START},
    {"witnesses make no sense", WITNESSES, BODY, "{\"witnesses\":{\"a\":[]}}", 0, START},
    {"block 0 of another time", GENESIS, CHANGE, "set " RAW "timestamp 4102444800000", 0,
     START | ALWAYS | LAST},
    {"block 0 of another slot", GENESIS, CHANGE, "set " RAW "timestamp 1", 0, START | ALWAYS | LAST},
    {"signatures by nobody, for ever", BLOCK, CHANGE, "digit a.block_header.witness_signature 100", 0,
     ALWAYS},
};
enum { CASES = sizeof cases / sizeof *cases };

// --- a run ---

static struct {
  const struct hostile *h;
  enum mode mode;
  bool loud;
  int changed; // how often the fault showed
  int64_t longest_ms, requests;
  const char *broken; // what must not be; NULL: nothing
  char detail[200];
} run;

static void broken(const char *what) {
  if (!run.broken)
    run.broken = what;
}

static bool is_active(int node) {
  int64_t head = head_now();
  bool late = run.h->flags & LATE;
  bool begun = run.h->flags & START || head >= (late ? LATE_FROM : FAULT_FROM);
  bool over = head >= (late ? LATE_TO : FAULT_TO) && !(run.h->flags & ALWAYS);
  int which = run.h->flags & LAST && run.mode != ONE ? NODES_N - 1 : 0;
  return begun && !over && (node == which || run.h->flags & ALL_OF_THEM);
}

static int kind_of(struct str path, struct str body) {
  static const struct {
    const char *word;
    int kind;
  } kinds[] = {
      {"/wallet/getnowblock", HEAD}, {"/walletsolidity/getnowblock", SOLID}, {"bylimitnext", BLOCK},
      {"getblockbynum", BLOCK},      {"infobyblocknum", RECEIPTS},           {"constantcontract", CALL},
      {"listwitnesses", WITNESSES},
  };
  if (str_ends(path, STR("getblockbynum")) && str_eqc(body, "{\"num\":0}"))
    return GENESIS;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (memmem(path.p, path.n, kinds[i].word, strlen(kinds[i].word)))
      return kinds[i].kind;
  return OTHERS;
}

static int64_t solid_of(const struct story *s, int64_t head) {
  return s->solid[head];
}

static struct view view_of(bool faulty) {
  int64_t head = head_now();
  struct view v = {&truth, head, solid_of(&truth, head)};
  if (!faulty)
    return v;
  int64_t n = run.h->number;
  switch (run.h->how) {
  case LAG:
    head -= n;
    break;
  case STAND:
    head = head > FAULT_FROM ? FAULT_FROM : head;
    break;
  case BACK:
    head -= nodes_wall_us / SECOND_US / 2 % 2 ? n : 0;
    break;
  case SOLID_AT_HEAD:
    run.changed++;
    v.solid = head;
    return v;
  case FORK:
    if (head < FORK_AT)
      return v;
    run.changed++;
    return (struct view){&other, head, solid_of(&other, head)};
  case FORK_AT_HEAD:
    if (head < FORK_AT)
      return v;
    run.changed++;
    head = head < FORK_AT + FORK_LONG ? head : FORK_AT + FORK_LONG - 1;
    v = (struct view){&other, head, solid_of(&other, head)};
    v.solid = v.solid < FORK_AT ? v.solid : FORK_AT - 1;
    return v;
  case FOREIGN:
    run.changed++;
    return (struct view){&foreign, head, solid_of(&foreign, head)};
  default:
    return v;
  }
  run.changed += head != v.head;
  return (struct view){&truth, head, solid_of(&truth, head)};
}

static struct str shifted(const struct fetch *f, int64_t by) {
  long long number = 0, end = 0;
  if (sscanf(f->body.p, "{\"startNum\":%lld,\"endNum\":%lld", &number, &end) == 2) {
    number = number + by < 3 ? 3 : number + by;
    return str_printf(f->arena, "{\"startNum\":%lld,\"endNum\":%lld}", number, end + by < 4 ? 4 : end + by);
  }
  sscanf(f->body.p, "{\"num\":%lld", &number);
  number = by > 0 ? number + by : number + by < 3 ? 3 : number + by;
  return str_printf(f->arena, "{\"num\":%lld}", number);
}

static struct str repeated(const struct fetch *f, const char *text, int times) {
  size_t n = strlen(text), all = n * (size_t)(times ? times : 1);
  char *p = arena_alloc(f->arena, all + 1);
  for (size_t i = 0; i < all; i += n)
    memcpy(p + i, text, n);
  return (struct str){p, all};
}

static struct str inserted(const struct fetch *f, struct str answer, const char *text) {
  const char *at = answer.n ? memchr(answer.p, '{', answer.n) : NULL;
  if (!at || at[1] == '}')
    return answer;
  run.changed++;
  int before = (int)(at - answer.p) + 1;
  return str_printf(f->arena, "%.*s%s%.*s", before, answer.p, text, (int)answer.n - before, at + 1);
}

static struct str far_head(const struct fetch *f) {
  struct block_header h = {.number = BLOCK_NUMBER_MAX, .time_ms = nodes_wall_us / 1000};
  uint8_t id[BLOCK_ID_N];
  char id_hex[2 * BLOCK_ID_N + 1];
  block_id(&h, id, NULL);
  hex_encode(id, sizeof id, id_hex);
  return str_printf(
      f->arena,
      "{\"blockID\":\"%s\",\"block_header\":{\"raw_data\":{\"number\":%lld,\"txTrieRoot\":\"%064d\","
      "\"parentHash\":\"%064d\",\"witness_address\":\"41%040d\",\"timestamp\":%lld},"
      "\"witness_signature\":\"" H64 H64 "00\"}}",
      id_hex, (long long)h.number, 0, 0, 0, (long long)h.time_ms);
}

static void fault(struct fetch *f) {
  const struct hostile *h = run.h;
  struct str was = f->answer;
  switch (h->how) {
  case CHANGE:
    if (f->answer.n > 4)
      run.changed += change_answer(f, h->text, &f->answer);
    break;
  case BODY:
    f->answer = repeated(f, h->text, h->number);
    break;
  case HEAD_OF:
    f->answer.n = f->answer.n > 4 ? f->answer.n * (size_t)h->number / 100 : f->answer.n;
    break;
  case FAR:
    f->answer = far_head(f);
    run.changed++;
    break;
  case INSERT:
    f->answer = inserted(f, f->answer, h->text);
    break;
  case STATUS:
    f->status = h->number;
    f->answer = str_copy(f->arena, str_of(h->text));
    run.changed++;
    break;
  case RETRY:
    f->status = 429;
    f->retry_after_s = h->number;
    f->answer = str_copy(f->arena, str_of(h->text));
    run.changed++;
    break;
  case FAIL:
    f->error = (enum fetch_error)h->number;
    run.changed++;
    break;
  case FLAKY:
    if (nodes_next_random() % 100 < (uint64_t)h->number) {
      f->error = nodes_next_random() % 4 ? FETCH_BROKEN : FETCH_TIMEOUT;
      run.changed++;
    }
    break;
  case DELAY:
  case LAG:
  case STAND:
  case BACK:
  case SOLID_AT_HEAD:
  case FORK:
  case FORK_AT_HEAD:
  case FOREIGN:
  case SHIFT:
    break;
  }
  if (h->how == BODY || h->how == HEAD_OF)
    run.changed += !str_eq(was, f->answer);
}

// One request; gives the milliseconds that it took.
static int64_t serve(struct fetch *f) {
  int node = f->url.p[strlen("http://n")] - '0';
  struct str path = {f->url.p + strlen("http://n0"), f->url.n - strlen("http://n0")}, body = f->body;
  bool faulty = is_active(node) && kind_of(path, body) & run.h->on;
  run.requests++;
  if (f->timeout_ms > NODE_BLOCK_MS || f->max_bytes > NODE_BLOCK_BYTES)
    broken("a request without its limits");
  if (faulty && run.h->how == SHIFT) {
    body = shifted(f, run.h->number);
    run.changed += !str_eq(body, f->body);
  }
  struct view v = view_of(faulty);
  const struct memo *m = honest(&v, path, body);
  f->error = FETCH_OK;
  f->status = m->status;
  f->retry_after_s = 0;
  f->answer = str_copy(f->arena, m->body);
  if (faulty)
    fault(f);
  if (f->error == FETCH_OK && f->answer.n > f->max_bytes)
    f->error = FETCH_TOO_LARGE;
  int64_t ms = faulty && run.h->how == DELAY && run.h->number ? run.h->number : NODE_MS;
  if (ms >= f->timeout_ms || f->error == FETCH_TIMEOUT) {
    f->error = FETCH_TIMEOUT;
    ms = f->timeout_ms;
  }
  if (f->error != FETCH_OK)
    f->status = 0;
  if (f->error != FETCH_OK)
    f->answer = STR_NONE;
  f->took_us = ms * 1000;
  return ms;
}

static void fetch_all(struct fetcher *fetcher, struct fetch *list, size_t n) {
  (void)fetcher;
  int64_t longest_ms = 0;
  for (size_t i = 0; i < n; i++) {
    int64_t ms = serve(&list[i]);
    longest_ms = ms > longest_ms ? ms : longest_ms;
  }
  nodes_pass(longest_ms * 1000);
}

static struct fetcher fetcher = {fetch_all, NULL, NULL};

// --- what must come out ---

struct expected {
  const uint8_t *txid;
  int64_t log_index, value;
  struct tron_address from, to;
};

// The token's transfers in a block, from the chain's own memory.
static int expected_of(const struct sim_block *b, struct expected *out) {
  uint8_t transfer[32];
  int n = 0;
  sim_keccak("Transfer(address,address,uint256)", transfer);
  for (int i = 0; i < b->n; i++)
    for (int l = 0; b->txs[i]->ret == OUTCOME_SUCCESS && l < b->txs[i]->receipt.n_logs; l++) {
      const struct tx_log *log = &b->txs[i]->receipt.logs[l];
      uint64_t value = 0;
      for (int k = 24; k < 32; k++)
        value = value << 8 | log->data[k];
      if (memcmp(&log->address, &truth.chain->contracts.token, ADDRESS_N) || log->n_topics != 3 ||
          memcmp(log->topics[0], transfer, 32) || !value)
        continue;
      struct expected *e = &out[n++];
      *e = (struct expected){.txid = b->txs[i]->id, .log_index = l, .value = (int64_t)value};
      memcpy(&e->from, log->topics[1] + 12, ADDRESS_N);
      memcpy(&e->to, log->topics[2] + 12, ADDRESS_N);
    }
  return n;
}

static void check_block(const struct chain_block *b, const struct chain_cursor *at) {
  const struct sim_block *s = sim_block(truth.chain, b->number);
  struct expected want[256];
  if (b->number != at->number + 1 || !s) {
    broken("a block out of turn");
    return;
  }
  if (memcmp(b->id.bytes, s->id, 32) || memcmp(b->parent.bytes, s->parent, 32) ||
      b->time_us != s->time_ms * 1000)
    broken("another block than the chain's");
  if (truth.solid[head_now()] < b->number)
    broken("a block that was not final");
  int n = expected_of(s, want);
  for (int i = 0; i < n || i < b->n_transfers; i++) {
    const struct chain_transfer *t = &b->transfers[i];
    if (i >= n || i >= b->n_transfers) {
      broken(i >= n ? "a transfer that is none" : "a transfer is missing");
      return;
    }
    if (memcmp(t->txid, want[i].txid, 32) || t->log_index != want[i].log_index ||
        t->value.micro != want[i].value || memcmp(&t->from, &want[i].from, ADDRESS_N) ||
        memcmp(&t->to, &want[i].to, ADDRESS_N))
      broken("a transfer that is another");
  }
}

static struct str genesis_hex(char out[65]) {
  const struct sim_block *s = sim_block(truth.chain, 0);
  for (int i = 0; i < 32; i++)
    sprintf(out + 2 * i, "%02x", s->id[i]);
  return (struct str){out, 64};
}

static struct str witness_file(char *out) {
  char *p = out + sprintf(out, "[");
  for (int i = 0; i < 5; i++) {
    char text[ADDRESS_TEXT_N + 1];
    address_format(&truth.chain->witnesses[sim_active(truth.chain, i)].key.address, text);
    p += sprintf(p, "%s\"%s\"", i ? "," : "", text);
  }
  p += sprintf(p, "]");
  return (struct str){out, (size_t)(p - out)};
}

static struct chain *begin_chain(void) {
  static const struct chain_node list[NODES_N] = {{.url = {"http://n0", 9}, .solidity = {"http://n0", 9}},
                                                  {.url = {"http://n1", 9}, .solidity = {"http://n1", 9}},
                                                  {.url = {"http://n2", 9}, .solidity = {"http://n2", 9}}};
  static char genesis[65], witnesses[400];
  static const enum trust trusts[MODES] = {TRUST_ONE, TRUST_QUORUM, TRUST_VERIFIED};
  struct chain_options o = {.world = &nodes_world,
                            .fetcher = &fetcher,
                            .nodes = list,
                            .n_nodes = run.mode == ONE ? 1 : NODES_N,
                            .trust = trusts[run.mode],
                            .k = run.mode == ONE ? 1 : 2,
                            .network = NETWORK_CUSTOM,
                            .token = truth.chain->contracts.token,
                            .genesis = genesis_hex(genesis)};
  if (run.mode == VERIFIED && !(run.h->on == WITNESSES))
    o.witnesses = witness_file(witnesses);
  return chain_new(&o);
}

static void take_turn(struct chain *c, struct chain_cursor *cursor) {
  static struct arena arena;
  struct chain_turn t;
  int64_t from_us = nodes_mono_us;
  if (!arena.max)
    arena_init(&arena, MEMORY_MAX_MIB << 20);
  if (cursor->number == 0) {
    if (!chain_begin(c, FIRST_BLOCK, &arena, cursor))
      nodes_pass(SECOND_US / 2);
    arena_reset(&arena);
    return;
  }
  chain_turn(c, cursor, &arena, &t);
  int64_t ms = (nodes_mono_us - from_us) / 1000;
  run.longest_ms = ms > run.longest_ms ? ms : run.longest_ms;
  for (int i = 0; i < t.n_final; i++) {
    check_block(&t.final[i], cursor);
    *cursor = (struct chain_cursor){t.final[i].number, t.final[i].id, t.final[i].time_us};
  }
  if (t.n_final)
    chain_credited(c, cursor);
  int64_t wait_us = t.wait_us < 1000 ? 1000 : t.wait_us;
  nodes_pass(wait_us < 3 * SECOND_US ? wait_us : 3 * SECOND_US);
  arena_reset(&arena);
}

// False: something that must not be.
static bool run_case(const struct hostile *h, enum mode mode, bool loud) {
  memset(&run, 0, sizeof run);
  run.h = h;
  run.mode = mode;
  run.loud = loud;
  nodes_random_state = (uint64_t)(h - cases) * 7 + mode;
  nodes_wall_us = block_us(FIRST_BLOCK + 2) + SECOND_US / 2;
  nodes_mono_us = 1000 * SECOND_US;
  struct chain_cursor cursor = {0};
  struct chain *c = begin_chain();
  bool fooled = mode == ONE && h->flags & FOOLS, may_stop = mode == ONE && h->flags & ALWAYS;
  int64_t end_us = nodes_wall_us + HOURS_MAX * 3600 * SECOND_US;
  if (mode != ONE && !(h->flags & ALL_OF_THEM))
    end_us = block_us(IN_TIME_BLOCK);
  if (fooled || may_stop)
    end_us = block_us(LATE_TO + 4);
  int turns = 0;
  while (cursor.number < TARGET && nodes_wall_us < end_us && (!run.broken || fooled)) {
    take_turn(c, &cursor);
    turns++;
  }
  struct chain_status s;
  chain_status_get(c, &s);
  if (loud) {
    struct chain_node_status *list;
    struct arena a;
    arena_init(&a, 1 << 20);
    int n = chain_nodes(c, &a, &list);
    for (int i = 0; i < n; i++)
      printf("  node %d: head %lld, final %lld, %s; %.*s\n", i, (long long)list[i].head,
             (long long)list[i].solid, list[i].usable ? "usable" : "not usable", STR_FMT(list[i].trouble));
    arena_free(&a);
  }
  snprintf(run.detail, sizeof run.detail,
           "block %lld after %lld s, %d turns, %lld requests, longest %lld ms; %.*s",
           (long long)cursor.number, (long long)(nodes_wall_us - block_us(FIRST_BLOCK + 2)) / 1000000, turns,
           (long long)run.requests, (long long)run.longest_ms, STR_FMT(s.trouble));
  chain_free(c);
  if (fooled)
    run.broken = NULL;
  if (mode != ONE && h->how == FAR && s.behind)
    broken("one node's word makes all wait");
  if (cursor.number < TARGET && !fooled && !may_stop)
    broken("it did not get on");
  if (run.longest_ms > TURN_MAX_MS)
    broken("a turn took too long");
  // The first node may rest while the fault lasts, but somewhere it must have shown.
  if (!run.changed && mode == ONE && h != cases && h->how != DELAY && h->on != WITNESSES && h->on != CALL)
    broken("the fault never showed: the case is none");
  return !run.broken;
}

static void print_cases(void) {
  for (int i = 0; i < CASES; i++)
    printf("%3d %s\n", i + 1, cases[i].name);
}

int main(int argc, char **argv) {
  const char *word = argc > 1 ? argv[1] : "";
  int done = 0, bad = 0;
  if (strcmp(word, "--list") == 0) {
    print_cases();
    return 0;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  nodes_begin();
  for (int i = 0; i < CASES; i++) {
    bool chosen = strstr(cases[i].name, word);
    for (int m = 0; chosen && m < MODES; m++) {
      if (m == VERIFIED && cases[i].flags & SIGNED_TWICE)
        continue;
      bool good = run_case(&cases[i], (enum mode)m, *word);
      done++;
      bad += !good;
      if (!good || *word)
        printf("%s%s | %s: %s | %s\n", good ? "" : "FAILED ", cases[i].name, mode_names[m],
               run.broken ? run.broken : "good", run.detail);
    }
  }
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  long mib = u.ru_maxrss / 1024;
  printf("hostile nodes: %d cases, %d runs, %d failed, at most %ld MiB\n", CASES, done, bad, mib);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  bad += mib > MEMORY_MAX_MIB;
#endif
  return bad || !done;
}
