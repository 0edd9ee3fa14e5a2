#include "core/password_rule.h"

#include <string.h>

// Those of at least eight characters that stand at the top of every published count of leaked passwords, and
// what people would make of this program's own subject. Compared without regard to case.
static const char *const common[] = {
    "12345678910",  "1234567890",   "123123123",     "1q2w3e4r",
    "1q2w3e4r5t",   "1qaz2wsx",     "1qaz2wsx3edc",  "qwertyuiop",
    "qwerty12",     "qwerty123",    "qwerty1234",    "qwertyui",
    "asdfghjk",     "asdfghjkl",    "zxcvbnm1",      "zxcvbnm123",
    "q1w2e3r4",     "q1w2e3r4t5",   "qazwsxedc",     "qazwsx123",
    "1234qwer",     "password",     "password1",     "password12",
    "password123",  "password1234", "password!",     "password1!",
    "passw0rd",     "passw0rd1",    "p@ssw0rd",      "p@ssword",
    "p@ssw0rd1",    "pa55word",     "pa$$word",      "mypassword",
    "mypassword1",  "newpassword",  "thepassword",   "changeme",
    "changeme1",    "changeme123",  "changeit",      "letmein1",
    "letmein123",   "letmeinnow",   "welcome1",      "welcome12",
    "welcome123",   "welcome1!",    "administrator", "admin123",
    "admin1234",    "admin12345",   "adminadmin",    "rootroot",
    "root1234",     "toor1234",     "user1234",      "test1234",
    "testtest",     "test12345",    "testing1",      "testing123",
    "guest123",     "default1",     "temp1234",      "temporary",
    "secret123",    "secretsecret", "iloveyou",      "iloveyou1",
    "iloveyou2",    "iloveyou!",    "loveyou1",      "lovelove",
    "loveme123",    "sunshine",     "sunshine1",     "princess",
    "princess1",    "football",     "football1",     "baseball",
    "baseball1",    "basketball",   "softball",      "volleyball",
    "superman",     "superman1",    "batman123",     "spiderman",
    "starwars",     "starwars1",    "pokemon1",      "pokemon123",
    "naruto123",    "minecraft",    "minecraft1",    "computer",
    "computer1",    "internet",     "internet1",     "samsung1",
    "samsung123",   "google123",    "facebook",      "facebook1",
    "whatever",     "whatever1",    "trustno1",      "dragon123",
    "monkey123",    "shadow123",    "master123",     "michael1",
    "jennifer",     "jennifer1",    "jessica1",      "michelle",
    "michelle1",    "victoria",     "alexander",     "charlie1",
    "daniel123",    "jordan23",     "jordan123",     "andrew123",
    "nicole123",    "matthew1",     "benjamin",      "elizabeth",
    "christian",    "chocolate",    "butterfly",     "liverpool",
    "liverpool1",   "chelsea1",     "arsenal1",      "arsenal123",
    "barcelona",    "juventus",     "manchester",    "mercedes",
    "mustang1",     "corvette",     "midnight",      "blink182",
    "metallica",    "slipknot",     "nirvana1",      "november",
    "december",     "september",    "february",      "summer123",
    "winter123",    "spring123",    "autumn123",     "football123",
    "abcd1234",     "abcdefg1",     "abc12345",      "abc123456",
    "abcabcabc",    "a1b2c3d4",     "a1b2c3d4e5",    "aa123456",
    "aa12345678",   "qq123456",     "zz123456",      "woaini520",
    "woaini1314",   "5201314520",   "hello123",      "hello1234",
    "hellohello",   "goodluck",     "babygirl",      "babygirl1",
    "bullshit",     "fuckyou1",     "fuckyou2",      "asshole1",
    "motherfucker", "pussycat",     "87654321",      "987654321",
    "9876543210",   "147258369",    "159357456",     "789456123",
    "741852963",    "963852741",    "123321123",     "12341234",
    "11223344",     "1122334455",   "12121212",      "13131313",
    "10101010",     "20202020",     "69696969",      "77777777a",
    "123qweasd",    "123qweasdzxc", "qweasdzxc",     "qweasd123",
    "qweqweqwe",    "asdasdasd",    "zaq12wsx",      "zaq1zaq1",
    "xsw2zaq1",     "1234abcd",     "12345abc",      "123456abc",
    "123456789a",   "a123456789",   "a12345678",     "12345678a",
    "123456aa",     "access14",     "bigdaddy",      "mountain",
    "happyday",     "blessed1",     "jesus123",      "godisgood",
    "freedom1",     "freedom123",   "america1",      "pakistan",
    "india123",     "indonesia",    "vietnam1",      "brasil123",
    "privet123",    "parol123",     "marina123",     "natasha1",
    "qwer1234",     "qwer12345",    "qwaszx12",      "1q1q1q1q",
    "2wsx3edc",     "cryptopay",    "cryptopay1",    "cryptopay123",
    "bitcoin1",     "bitcoin123",   "ethereum",      "blockchain",
    "usdtusdt",     "tether123",    "payment1",      "payment123",
    "merchant",     "merchant1",    "merchant123",   "operator",
    "operator1",    "gateway1",     "gateway123",    "correcthorsebatterystaple"};

static size_t characters(struct str s) {
  size_t n = 0;
  for (size_t i = 0; i < s.n; i++)
    n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
  return n;
}

static bool is_common(struct str password) {
  for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
    if (str_eq_nocase(password, str_of(common[i])))
      return true;
  return false;
}

// Every byte follows from the one before by the same step of 0, 1 or -1: "aaaaaaaa", "12345678", "hgfedcba".
static bool is_run(struct str s) {
  int step = s.p[1] - s.p[0];
  if (step < -1 || step > 1)
    return false;
  for (size_t i = 2; i < s.n; i++)
    if (s.p[i] - s.p[i - 1] != step)
      return false;
  return true;
}

static bool is_email_part(struct str password, struct str email) {
  const char *at = email.n ? memchr(email.p, '@', email.n) : NULL;
  if (str_eq_nocase(password, email))
    return true;
  return at && str_eq_nocase(password, (struct str){email.p, (size_t)(at - email.p)});
}

enum err password_check(struct str password, struct str email) {
  if (password.n > PASSWORD_MAX_BYTES || !str_is_utf8(password) ||
      characters(password) < PASSWORD_MIN_CHARACTERS)
    return ERR_PASSWORD;
  return is_common(password) || is_run(password) || is_email_part(password, email) ? ERR_PASSWORD : ERR_NONE;
}
