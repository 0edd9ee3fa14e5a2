// The table of commands.
#include "daemon/cli.h"
#include "daemon/cli_run.h"

#define END                                                                                                  \
  { NULL, NULL, NULL, false }

static const struct cli_option merchant_add[] = {
    {"email", "E", "e-mail address, the merchant's name here", true},
    {"password-stdin", NULL, "read the password from standard input instead of asking for it", false},
    END};
static const struct cli_option project_add[] = {
    {"merchant", "E", "e-mail address of the merchant", true},
    {"name", "N", "name, shown to payers", true},
    {"website", "URL", "the shop's website; success and fail URLs must be on its host", false},
    {"webhook", "URL", "where paid payments are reported", false},
    END};
static const struct cli_option rotate_keys[] = {
    {"mode", "test|live", "which pair of keys", true},
    {"overlap", "SECONDS", "how long the old keys go on working [86400]; 0: revoked now", false},
    END};
static const struct cli_option set_xpub[] = {
    {"custody", "merchant|operator", "whose wallet it is [merchant]", false}, END};
static const struct cli_option address_list[] = {
    {"after", "ADDRESS", "go on after this address", false}, {"limit", "N", "how many [10000]", false}, END};
static const struct cli_option payment_list[] = {
    {"project", "APP_ID", "of one project only", false},
    {"status", "STATUS", "pending, paid, expired or failed", false},
    {"before", "ID", "go on after this payment", false},
    {"limit", "N", "how many [50]", false},
    END};
static const struct cli_option transfer_list[] = {
    {"unmatched", NULL, "only those without a payment, with payments that they may be for", false},
    {"project", "APP_ID", "of one project only", false},
    {"before", "TXID:INDEX", "go on after this transfer", false},
    {"limit", "N", "how many [50]", false},
    END};
static const struct cli_option by_hand[] = {{"reason", "TEXT", "for the payment's timeline", false}, END};
static const struct cli_option webhook_list[] = {{"project", "APP_ID", "of one project only", false},
                                                 {"payment", "ID", "of one payment only", false},
                                                 {"status", "STATUS", "pending, delivered or failed", false},
                                                 {"before", "ID", "go on after this delivery", false},
                                                 {"limit", "N", "how many [50]", false},
                                                 END};
static const struct cli_option webhook_replay[] = {
    {"project", "APP_ID", "all deliveries of this project, instead of one by ID", false},
    {"from", "TIME", "created from then on, such as 2026-07-01T18:30:00Z", false},
    {"to", "TIME", "created before [now]", false},
    END};
static const struct cli_option rescan[] = {
    {"from", "N", "number of the block to begin with", true},
    {"progress", NULL, "tell how far it is, also where standard error is no terminal", false},
    END};
static const struct cli_option reconcile[] = {{"project", "APP_ID", "of one project only", false}, END};
static const struct cli_option restore[] = {
    {"skip", "N", "payments skip ahead by this many numbers [1048576]", false},
    {"skip-addresses", "N", "derived addresses skip ahead by this many [10000]", false},
    {"force", NULL, "replace the database that is there; it is kept beside the new one", false},
    END};
static const struct cli_option skip_ahead[] = {
    {"skip", "N", "payments skip ahead by this many numbers [1048576]", false},
    {"skip-addresses", "N", "derived addresses skip ahead by this many [10000]", false},
    END};
static const struct cli_option migrate_to[] = {
    {"progress", NULL, "tell how far it is, also where standard error is no terminal", false}, END};
static const struct cli_option serve[] = {
    {"print-config", NULL, "show every setting with its value and where it comes from, and end", false},
    {"example-config", NULL, "show a file with every setting, and end", false},
    END};

const struct cli_command cli_commands[] = {
    {"serve", "", "run the gateway", serve, NULL, run_serve},
    {"merchant add", "", "make a merchant's account", merchant_add, NULL, run_merchant_add},
    {"project add", "", "make a project and show its keys, once", project_add,
     "The secrets are shown this once and can only be replaced later (project rotate-keys).", run_request},
    {"project list", "", "list the projects", NULL, NULL, run_request},
    {"project show", "APP_ID", "show a project's settings and keys (not the secrets)", NULL, NULL,
     run_request},
    {"project set", "APP_ID", "change settings of a project", NULL, NULL, run_request},
    {"project rotate-keys", "APP_ID", "replace a mode's keys and show the new ones, once", rotate_keys, NULL,
     run_request},
    {"address add", "APP_ID ADDRESS...", "add receiving addresses to a project", NULL, NULL, run_request},
    {"address list", "APP_ID", "list a project's receiving addresses", address_list, NULL, run_request},
    {"address remove", "APP_ID ADDRESS...", "give addresses no new payments; they stay watched", NULL, NULL,
     run_request},
    {"address release", "APP_ID ADDRESS...", "let another project have a removed address", NULL,
     "Refused while a payment is still reserved on it.", run_request},
    {"address set-xpub", "APP_ID XPUB", "derive an address for each payment from a public key", set_xpub,
     "XPUB is the extended public key of m/44'/195'/account'; no private key is ever needed here.",
     run_request},
    {"payment list", "", "list payments, newest first", payment_list, NULL, run_request},
    {"payment show", "ID", "show a payment", NULL,
     "With --json: the same object that a signed status request is answered with.", run_payment_show},
    {"payment accept", "ID", "what has arrived for a payment is enough: it is paid", by_hand,
     "Also what waits for review: money that came late, or for a payment that was cancelled.", run_request},
    {"transfer list", "", "list transfers of the chain, newest first", transfer_list, NULL, run_request},
    {"transfer attach", "TXID:INDEX PAYMENT_ID", "an unmatched transfer is for this payment", by_hand, NULL,
     run_request},
    {"webhook list", "", "list webhook deliveries, newest first", webhook_list, NULL, run_request},
    {"webhook show", "ID", "show a delivery and its attempts", NULL, NULL, run_request},
    {"webhook replay", "[ID]", "send stored webhooks again", webhook_replay, NULL, run_request},
    {"chain status", "", "how far the chain is followed, what is wrong, the nodes", NULL, NULL, run_request},
    {"rescan", "", "read blocks of the chain again that are in the book already", rescan,
     "What is missing in the book is credited, what differs is reported, what agrees is left as it is.\n"
     "The running server does it beside its work (cryptopay chain status); without one it is done here.",
     run_rescan},
    {"reconcile", "", "compare receiving addresses' balances on the chain with the book", reconcile,
     "At addresses in operator custody the two must be equal; those in merchants' own custody are shown.",
     run_reconcile},
    {"proof export", "PAYMENT_ID", "write the proof of a paid payment to standard output", NULL,
     "Verified mode keeps one of each direct transfer: the transaction, its place in the block, the signed "
     "headers.",
     run_proof_export},
    {"proof verify", "FILE", "check a proof, offline", NULL,
     "--witness-file names whom you believe, as a JSON array of addresses (\"ADDRESS:KEY\" where another key "
     "signs).\n"
     "Proven is: the transfer was made and is final, if no more of them lie than the chain itself can bear.",
     run_proof_verify},
    {"backup", "FILE", "write a copy of the database, also while the server runs", NULL,
     "The copy holds everything but the key that opens its secrets: keep a copy of secret.key elsewhere.",
     run_backup},
    {"restore", "FILE", "bring a copy back; the server must be stopped", restore,
     "Numbers and derived addresses that may have been used since the copy was made are skipped.",
     run_restore},
    {"skip-ahead", "", "after PostgreSQL was brought back to an older state: before any node starts",
     skip_ahead,
     "Numbers and derived addresses that may have been used since that state are skipped; restore does so "
     "itself.",
     run_request},
    {"migrate-to", "URL", "move to PostgreSQL, postgres://USER@HOST/NAME; the server must be stopped",
     migrate_to,
     "URL names an empty database. What is in the SQLite file is copied and compared; the file stays as it "
     "is.\n"
     "Killed or failed on the way: the same command again goes on where it stopped.",
     run_migrate_to},
    {"doctor", "", "look for what is wrong, and say how to mend it", NULL, NULL, run_doctor},
    {"version", "", "show the version", NULL, NULL, run_version},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};
