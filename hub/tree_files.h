/*
 * tree_files.h - the files of the ledger's tree that say who may sign and
 * which rules are in force: a pure function of the state (docs/FORMAT.md
 * "Ledger").
 */
#ifndef GB_TREE_FILES_H
#define GB_TREE_FILES_H

#include "engine/state.h"

/* Calls fn for each file that the tree must have beside the batches:
 * signers/changesets, signers/hub, signers/ledger, schema/NNNN/NAME. */
typedef enum gb_err gb_tree_file_fn(void *context, const char *path,
                                    struct gb_span bytes, struct gb_fail *fail);
enum gb_err gb_tree_files(struct gb_state *st, gb_tree_file_fn *fn,
                          void *context, struct gb_fail *fail);

#endif
