// doctor: each finding with the command that mends it. Exit status 0: nothing is bad (warnings may be there).
#include "daemon/cli_run.h"
#include "daemon/command.h"
#include "daemon/doctor.h"
#include "daemon/file.h"
#include "daemon/secret_key.h"
#include "flow/health.h"
#include "store/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

enum {
  DISK_BAD_MIB = 200,
  DISK_LOW_MIB = 2000,
  FSYNC_ROUNDS = 20,
  FSYNC_SLOW_US = 20000, // creates wait for one each
  BACKUP_OLD_DAYS = 7,
};
#define CLOCK_EARLIEST_S INT64_C(1767225600) // 2026-01-01: the program is not older

void doctor_found(struct doctor *d, const char *check, enum finding state, struct str finding,
                  const char *mend) {
  static const char *const names[] = {"good", "warning", "bad"};
  json_t *row = json_pack("{s:s, s:s, s:o, s:s?}", "check", check, "state", names[state], "finding",
                          json_stringn_nocheck(finding.p, finding.n), "mend", mend);
  json_array_append_new(d->findings, row);
  d->worst = state > d->worst ? state : d->worst;
}

static void check_folder(struct doctor *d) {
  struct stat st;
  const char *path = d->folder.path;
  if (stat(path, &st)) {
    doctor_found(d, "data folder", BAD, file_error(d->a, path), "cryptopay serve --data DIR");
    return;
  }
  bool open = st.st_mode & 077;
  doctor_found(d, "data folder", open ? BAD : GOOD,
               str_printf(d->a, "%s%s", path, open ? " is open to other users" : ""),
               open ? str_printf(d->a, "chmod 700 %s", path).p : NULL);
}

static bool check_key(struct doctor *d) {
  struct seal_key key;
  struct str error;
  bool good = secret_key_load(d->folder.key, false, &key, d->a, &error);
  sodium_memzero(&key, sizeof key);
  struct str mend =
      access(d->folder.key, F_OK)
          ? str_printf(d->a, "copy the key to %s, or name it with --secret-key-file", d->folder.key)
          : str_printf(d->a, "chmod 600 %s, or put the right key there", d->folder.key);
  doctor_found(d, "secret key", good ? GOOD : BAD, good ? str_of(d->folder.key) : error,
               good ? NULL : mend.p);
  return good;
}

static bool check_file(struct doctor *d) {
  struct store_facts facts;
  char why[512];
  if (!store_check(d->folder.database, &facts, why, sizeof why)) {
    doctor_found(d, "database", BAD, str_printf(d->a, "%s: %s", d->folder.database, why),
                 "cryptopay restore FILE --force");
    return false;
  }
  bool newer = facts.schema_version > facts.newest_version;
  struct str text = str_printf(d->a, "sound, schema version %lld, this program knows %lld",
                               (long long)facts.schema_version, (long long)facts.newest_version);
  doctor_found(d, "database", newer ? WARNING : GOOD, text, newer ? "upgrade this program" : NULL);
  return true;
}

static bool check_database(struct doctor *d) {
  struct str error;
  if (!data_folder_fits(&d->folder, d->a, &error)) {
    doctor_found(d, "database", BAD, error, NULL);
    return false;
  }
  return d->folder.url ? doctor_server(d) : check_file(d);
}

static void check_space(struct doctor *d) {
  struct statvfs v;
  if (statvfs(d->folder.path, &v)) {
    doctor_found(d, "disk space", BAD, file_error(d->a, d->folder.path), NULL);
    return;
  }
  int64_t mib = (int64_t)(v.f_bavail * v.f_frsize >> 20);
  enum finding state = mib < DISK_BAD_MIB ? BAD : mib < DISK_LOW_MIB ? WARNING : GOOD;
  doctor_found(d, "disk space", state, str_printf(d->a, "%lld MiB are free", (long long)mib),
               state == GOOD ? NULL : str_printf(d->a, "make room on the disk of %s", d->folder.path).p);
}

// Microseconds of a write that is on the disk, -1 where it fails.
static int64_t fsync_us(const char *path) {
  char block[4096] = {0};
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int64_t from = world_mono(&world_real);
  bool good = fd >= 0;
  for (int i = 0; good && i < FSYNC_ROUNDS; i++)
    good = pwrite(fd, block, sizeof block, 0) == sizeof block && fsync(fd) == 0;
  int64_t took = world_mono(&world_real) - from;
  if (fd >= 0)
    close(fd);
  unlink(path);
  return good ? took / FSYNC_ROUNDS : -1;
}

static void check_fsync(struct doctor *d) {
  int64_t us = fsync_us(str_printf(d->a, "%s/doctor.tmp", d->folder.path).p);
  if (us < 0) {
    doctor_found(d, "disk speed", BAD, file_error(d->a, d->folder.path),
                 "run this as the user of the server");
    return;
  }
  bool slow = us > FSYNC_SLOW_US;
  doctor_found(d, "disk speed", slow ? WARNING : GOOD,
               str_printf(d->a, "a write is safe on the disk after %lld us", (long long)us),
               slow ? "move the data folder to a faster disk: --data DIR" : NULL);
}

static void check_clock(struct doctor *d) {
  struct timex t = {0};
  bool wrong = world_now(&world_real) / 1000000 < CLOCK_EARLIEST_S;
  bool loose = adjtimex(&t) == TIME_ERROR;
  enum finding state = wrong ? BAD : loose ? WARNING : GOOD;
  doctor_found(d, "clock", state,
               wrong   ? STR("the clock is wrong")
               : loose ? STR("nothing keeps the clock right")
                       : STR("synchronised"),
               state == GOOD ? NULL : "timedatectl set-ntp true");
}

static void check_versions(struct doctor *d) {
  struct store_library l = store_library();
  doctor_found(d, "libraries", l.too_old ? BAD : GOOD,
               str_printf(d->a, "SQLite %s%s", l.version,
                          l.too_old ? " is older than the one this was built with" : ""),
               l.too_old ? "apt install --only-upgrade libsqlite3-0" : NULL);
}

static void check_settings(struct doctor *d) {
  const struct settings *s = &d->c->settings;
  bool open = !s->base.https && !s->base.loopback;
  doctor_found(d, "base URL",
               open            ? BAD
               : s->base.https ? GOOD
                               : WARNING,
               str_printf(d->a, "%s%s", s->base_url,
                          open            ? " is plain http on a network"
                          : s->base.https ? ""
                                          : " is for this machine only"),
               s->base.https ? NULL : "set base_url to https://… and put a TLS proxy in front of `listen`");
  if (settings_exposed(s))
    doctor_found(d, "settings", BAD,
                 str_printf(d->a, "every user of this machine can read a password or key in %s", s->config),
                 str_printf(d->a, "chmod o= %s", s->config).p);
  if (s->allow_private_webhooks)
    doctor_found(d, "webhooks", WARNING, STR("allow_private_webhooks is on: they may reach this machine"),
                 "set allow_private_webhooks = no");
  if (!s->rate_limit)
    doctor_found(d, "rate limit", WARNING, STR("rate_limit is off"), "set rate_limit = yes");
}

static void check_backup(struct doctor *d) {
  struct stat st;
  bool never = stat(d->folder.backup_mark, &st) != 0;
  int64_t days = never ? 0 : (world_now(&world_real) / 1000000 - st.st_mtim.tv_sec) / 86400;
  bool old = never || days > BACKUP_OLD_DAYS;
  doctor_found(d, "backup", old ? WARNING : GOOD,
               never ? STR("none was made yet")
                     : str_printf(d->a, "the last one is %lld days old", (long long)days),
               old ? "cryptopay backup FILE" : NULL);
}

// The part of the one who has the database open.
enum err command_doctor(struct call *c) {
  struct health h;
  enum err e = flow_health(c->env, c->a, &h);
  if (e)
    return e;
  jsonw_open(&c->out, '{');
  jsonw_ki64(&c->out, "failed_webhooks", h.failed_webhooks);
  jsonw_key(&c->out, "no_addresses");
  jsonw_open(&c->out, '[');
  for (int i = 0; i < h.no_addresses_n; i++)
    jsonw_i64(&c->out, h.no_addresses[i]);
  jsonw_close(&c->out, ']');
  jsonw_close(&c->out, '}');
  return ERR_NONE;
}

static void show_health(struct doctor *d, const json_t *health) {
  const json_t *list = json_object_get(health, "no_addresses");
  long long failed = json_integer_value(json_object_get(health, "failed_webhooks"));
  for (size_t i = 0; i < json_array_size(list); i++) {
    long long id = json_integer_value(json_array_get(list, i));
    doctor_found(d, "addresses", BAD,
                 str_printf(d->a, "project %lld is in Live mode and has no receiving address", id),
                 str_printf(d->a, "cryptopay address add %lld ADDRESS", id).p);
  }
  if (!json_array_size(list))
    doctor_found(d, "addresses", GOOD, STR("every project in Live mode has some"), NULL);
  doctor_found(d, "webhooks", failed ? WARNING : GOOD, str_printf(d->a, "%lld were given up", failed),
               failed ? "cryptopay webhook list --status failed, then webhook replay" : NULL);
}

static int ask_database(struct doctor *d) {
  int status;
  json_t *health = cli_call(d->c, "doctor", false, &status);
  if (health)
    show_health(d, health);
  json_decref(health);
  return status;
}

int run_doctor(struct cli *c) {
  struct doctor d = {.c = c, .a = &c->arena, .findings = json_array()};
  data_folder_paths(&d.folder, &c->settings, d.a);
  check_folder(&d);
  bool usable = check_key(&d);
  usable = check_database(&d) && usable;
  if (!d.folder.url) {
    check_space(&d);
    check_fsync(&d);
  }
  check_clock(&d);
  check_versions(&d);
  check_settings(&d);
  doctor_nodes(&d);
  if (!d.folder.url)
    check_backup(&d);
  int status = usable ? ask_database(&d) : EXIT_DONE;
  cli_show(c, d.findings);
  json_decref(d.findings);
  return d.worst == BAD && status == EXIT_DONE ? EXIT_REFUSED : status;
}
