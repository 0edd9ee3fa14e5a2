#include "wire/said.h"

bool member_next(struct jsonr *r, struct members *m, int *which) {
  struct str key;
  while (jsonr_key(r, &key)) {
    m->any = true;
    for (int i = 0; i < m->n; i++) {
      if (!str_eqc(key, m->names[i]))
        continue;
      if (member_was(m, i))
        return jsonr_refuse(r);
      m->seen |= 1u << i;
      *which = i;
      return true;
    }
    jsonr_skip(r);
  }
  return false;
}

static enum said empty_list(struct jsonr *r) {
  jsonr_open(r, '[');
  return !jsonr_item(r) && jsonr_end(r) ? SAID_NOTHING : SAID_RUBBISH;
}

static enum said error_object(struct jsonr *r, struct str *text) {
  static const char *const names[] = {"Error"};
  struct members m = {names, 1, 0, false};
  if (jsonr_open(r, '{'))
    for (int which; member_next(r, &m, &which);)
      jsonr_str(r, text);
  if (!jsonr_end(r) || (m.any && !text->p))
    return SAID_RUBBISH;
  return m.any ? SAID_ERROR : SAID_NOTHING;
}

enum said said_instead(struct str answer, struct str *why) {
  struct jsonr r;
  enum said said;
  *why = STR_NONE;
  if (str_starts(answer, STR("this API is closed because this node is a lite fullnode"))) {
    *why = answer;
    return SAID_ERROR;
  }
  jsonr_init(&r, answer);
  if (jsonr_peek(&r) == '[')
    said = empty_list(&r);
  else
    said = error_object(&r, why);
  if (said == SAID_RUBBISH)
    *why = STR("not what was asked for");
  return said;
}
