// `cryptopay proof`: export asks the gateway; verify needs nothing but two files.
#include "base/hex.h"
#include "base/timefmt.h"
#include "core/proof.h"
#include "daemon/cli_run.h"
#include "daemon/command.h"
#include "daemon/file.h"
#include "flow/proof.h"

enum { WITNESS_FILE_MAX = 64 << 10 };

enum err command_proof_export(struct call *c) {
  int64_t id;
  struct str file;
  enum err e = call_number(c, "payment_id", &id);
  if (!e)
    e = flow_proof(c->env, c->a, id, &file);
  if (e == ERR_NO_PROOF)
    e = call_refuse(
        c, e, "payment_id",
        "No proof is kept: it is not paid, another contract made the transfer, or trust was not verified:K.");
  if (e)
    return e;
  jsonw_open(&c->out, '{');
  jsonw_kstr(&c->out, "proof", file);
  jsonw_close(&c->out, '}');
  return ERR_NONE;
}

// The file as it is, for redirection.
int run_proof_export(struct cli *c) {
  int status;
  json_t *result = cli_call(c, "proof export", false, &status);
  const json_t *file = json_object_get(result, "proof");
  if (file)
    fwrite(json_string_value(file), 1, json_string_length(file), stdout);
  json_decref(result);
  return status;
}

static void show(struct cli *c, const struct proof_statement *s) {
  char txid[2 * SHA256_N + 1], token[ADDRESS_TEXT_N + 1], from[ADDRESS_TEXT_N + 1], to[ADDRESS_TEXT_N + 1];
  hex_encode(s->txid, sizeof s->txid, txid);
  address_format(&s->token, token);
  address_format(&s->from, from);
  address_format(&s->to, to);
  json_t *v =
      json_pack("{s:b, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:i, s:i}", "proven", 1, "txid", txid, "token",
                token, "from", from, "to", to, "amount", usdt_text(&c->arena, s->amount, 6).p, "block",
                (json_int_t)s->number, "block_time", time_sql(&c->arena, s->time_ms * 1000).p, "signed_by",
                s->signed_by, "of_witnesses", s->witnesses);
  cli_show(c, v);
  json_decref(v);
}

int run_proof_verify(struct cli *c) {
  struct witness_list set;
  struct proof_statement s;
  const char *name = cli_text(c, "file"), *trusted = c->settings.witness_file;
  if (!*trusted)
    return cli_fail(c, EXIT_USAGE, "whom to believe? --witness-file FILE names the witnesses, a JSON array");
  struct str file = file_get(&c->arena, name, PROOF_FILE_MAX);
  if (!file.p)
    return cli_fail(c, EXIT_REFUSED, "cannot read %s", name);
  struct str json = file_get(&c->arena, trusted, WITNESS_FILE_MAX);
  if (!json.p)
    return cli_fail(c, EXIT_REFUSED, "cannot read %s", trusted);
  if (!witness_list_of_file(json, &set))
    return cli_fail(c, EXIT_REFUSED, "%s is no JSON array of 1 to 27 addresses", trusted);
  const char *why = proof_verify(file, &set, &c->arena, &s);
  if (!why && !address_same(&s.token, &c->settings.chain.token))
    why = "it is of another token than this network's USDT (--network, --usdt-contract)";
  if (why)
    return cli_fail(c, EXIT_REFUSED, "not proven: %s", why);
  show(c, &s);
  return EXIT_DONE;
}
