// A proof as it is taken apart; internal to proof.c and proof_text.c.
#pragma once
#include "core/proof.h"

struct proof_step { // up the Merkle tree
  bool is_left;     // the sibling stands on the left
  uint8_t sibling[SHA256_N];
};

struct proof_path {
  struct proof_step steps[PROOF_PATH_MAX];
  int n;
};

struct proof_header {
  struct str raw;
  bool counts; // signed by a member of the set who has not signed before
  uint8_t signature[SIGNATURE_N];
};

struct proof {
  struct tron_address token;
  struct str transaction;
  struct proof_path path;
  struct proof_header headers[PROOF_HEADERS_MAX];
  int n_headers;
  struct witness_list set;
};

// The only form of a file; reading takes others too, which are then not what they are written as.
void proof_write(const struct proof *p, const struct proof_statement *s, struct buf *out);
bool proof_read(struct str file, struct arena *a, struct proof *out);

// A part: the transaction and its path, then the set, which has one text for all parts of a block.
void proof_set_write(const struct witness_list *set, struct buf *out);
void proof_part_write(struct str transaction, const struct proof_path *path, struct str set, struct buf *out);
bool proof_part_read(struct str part, struct arena *a, struct proof *out);
