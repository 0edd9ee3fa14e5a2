#include "gateway.h"

#include <curl/curl.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_MAX = 65536, DIGEST = 32, WEBHOOK_AGE_MAX_S = 300 };

static void hmac_hex(const char *key, const char *data, size_t size, char out[2 * DIGEST + 1]) {
  unsigned char mac[DIGEST];
  HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)data, size, mac, NULL);
  for (size_t i = 0; i < DIGEST; i++)
    snprintf(out + 2 * i, 3, "%02x", mac[i]);
}

struct answer {
  char data[ANSWER_MAX];
  size_t n;
};

static size_t take_answer(char *data, size_t size, size_t count, void *to) {
  struct answer *answer = to;
  size_t n = size * count;
  if (n > ANSWER_MAX - answer->n)
    return 0; // curl reports a failed transfer
  memcpy(answer->data + answer->n, data, n);
  answer->n += n;
  return n;
}

// {"ok":true,"payment":{…,"payment_url":"…"}} or {"ok":false,"error":"…"}
static bool read_answer(const struct answer *answer, struct created *out) {
  json_t *root = json_loadb(answer->data, answer->n, 0, NULL);
  json_t *payment = json_object_get(root, "payment");
  const char *url = json_string_value(json_object_get(payment, "payment_url"));
  const char *error = json_string_value(json_object_get(root, "error"));
  bool ok = json_is_true(json_object_get(root, "ok")) && url && strlen(url) < sizeof out->payment_url;
  if (ok) {
    snprintf(out->payment_url, sizeof out->payment_url, "%s", url);
    out->payment_id = json_integer_value(json_object_get(payment, "payment_id"));
  } else {
    snprintf(out->error, sizeof out->error, "The gateway says: %s",
             error ? error : "nothing that can be read");
  }
  json_decref(root);
  return ok;
}

static bool post(const struct gateway *g, const char *body, struct created *out) {
  char url[512], key[160], signature[128], hex[2 * DIGEST + 1];
  hmac_hex(g->api_secret, body, strlen(body), hex);
  snprintf(url, sizeof url, "%s/api/create-payment.php", g->url);
  snprintf(key, sizeof key, "X-API-Key: %s", g->api_key);
  snprintf(signature, sizeof signature, "X-Signature: %s", hex);
  struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
  headers = curl_slist_append(headers, key);
  headers = curl_slist_append(headers, signature);
  struct answer *answer = calloc(1, sizeof *answer);
  CURL *curl = curl_easy_init();
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, 15L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
  CURLcode rc = answer ? curl_easy_perform(curl) : CURLE_OUT_OF_MEMORY;
  bool ok = rc == CURLE_OK && read_answer(answer, out);
  if (rc != CURLE_OK)
    snprintf(out->error, sizeof out->error, "The gateway at %.100s cannot be reached: %s", g->url,
             curl_easy_strerror(rc));
  curl_easy_cleanup(curl);
  curl_slist_free_all(headers);
  free(answer);
  return ok;
}

bool gateway_create(const struct gateway *g, const char *order_id, const char *amount,
                    const char *description, struct created *out) {
  memset(out, 0, sizeof *out);
  json_t *order =
      json_pack("{s:s, s:s, s:s}", "order_id", order_id, "amount", amount, "description", description);
  char *body = order ? json_dumps(order, JSON_COMPACT) : NULL;
  bool ok = body && post(g, body, out);
  if (!body)
    snprintf(out->error, sizeof out->error, "The order is not valid UTF-8");
  free(body);
  json_decref(order);
  return ok;
}

bool gateway_signature_ok(const struct gateway *g, const struct webhook *w) {
  char expected[2 * DIGEST + 1];
  hmac_hex(g->api_secret, w->body, w->size, expected);
  return w->signature && strlen(w->signature) == 2 * DIGEST &&
         CRYPTO_memcmp(w->signature, expected, 2 * DIGEST) == 0;
}

// The key is the base64 text after "whsec_". Its length in bytes, 0 when it is not base64.
static size_t standard_key(const char *secret, unsigned char *key, size_t max) {
  if (strncmp(secret, "whsec_", 6) != 0)
    return 0;
  const char *text = secret + 6;
  size_t n = strlen(text);
  if (n == 0 || n % 4 != 0 || n / 4 * 3 > max)
    return 0;
  int size = EVP_DecodeBlock(key, (const unsigned char *)text, (int)n);
  if (size < 0)
    return 0;
  size_t padding = (size_t)(text[n - 1] == '=') + (size_t)(text[n - 2] == '=');
  return (size_t)size - padding;
}

bool gateway_standard_signature_ok(const struct gateway *g, const struct webhook *w, long long now_s) {
  unsigned char key[128], mac[DIGEST];
  char expected[64] = "v1,";
  size_t key_size = standard_key(g->webhook_secret, key, sizeof key);
  if (!key_size || !w->id || !w->timestamp || !w->standard_signature)
    return false;
  long long age_s = now_s - atoll(w->timestamp);
  if (age_s > WEBHOOK_AGE_MAX_S || age_s < -WEBHOOK_AGE_MAX_S)
    return false;
  size_t head = strlen(w->id) + strlen(w->timestamp) + 2;
  char *text = malloc(head + w->size + 1);
  if (!text)
    return false;
  snprintf(text, head + 1, "%s.%s.", w->id, w->timestamp);
  memcpy(text + head, w->body, w->size);
  HMAC(EVP_sha256(), key, (int)key_size, (unsigned char *)text, head + w->size, mac, NULL);
  free(text);
  int n = EVP_EncodeBlock((unsigned char *)expected + 3, mac, DIGEST) + 3;
  // one or more signatures, separated by spaces: while keys are being changed there are two
  bool ok = false;
  for (const char *s = w->standard_signature; *s; s += strcspn(s, " "), s += strspn(s, " "))
    if (strcspn(s, " ") == (size_t)n && CRYPTO_memcmp(s, expected, (size_t)n) == 0)
      ok = true;
  return ok;
}
