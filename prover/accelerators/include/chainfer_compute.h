/* The interface of a chainfer accelerator, version 1.
 *
 * A shared library exports one function, chainfer_compute_v1, that returns a table of functions. The prover loads the library, makes a
 * context for a device and hands it bases and columns, which it then names by handles: data stay where the library puts them.
 *
 * Rules
 *  - Every function that returns int returns 0, or another value where it failed; then last_error says why.
 *  - A context is used by one thread at a time, but not always by the same one. Contexts are independent of each other.
 *  - Nothing may throw through these functions or end the process.
 *  - Handles are never null, belong to their context, and are destroyed before it. Columns do not change after they were made.
 *  - Sizes are checked by the caller: a commitment has as many points as its longest column has elements or more, the columns of a
 *    transform have 2^k elements, those of a program equally many.
 *  - A function pointer that is null, or lies beyond `size`, is a step that the library leaves out: the processor does it.
 *    context_create, context_destroy, last_error, name and all of column_* must be there.
 *  - New functions are appended to the table; whatever else changes is another version with another symbol.
 */
#ifndef CHAINFER_COMPUTE_H
#define CHAINFER_COMPUTE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHAINFER_COMPUTE_VERSION 1

/* An element of the scalar field or the base field of BN254: its Montgomery form x * 2^256 mod p, reduced, least significant word first. */
typedef struct { uint64_t words[4]; } chainfer_element;

/* An affine point of G1; (0, 0) is the point at infinity. */
typedef struct { chainfer_element x, y; } chainfer_point;

typedef struct chainfer_context chainfer_context;
typedef struct chainfer_bases chainfer_bases;
typedef struct chainfer_column chainfer_column;

/* X[t] = scale * out^t * sum over i < 2^k of x[i] * into^i * root^(i*t), both in natural order. root has order 2^k: it is the root of unity of
 * halo2's domain, or its inverse. into and out are 1 but for cosets. */
typedef struct {
    uint32_t k;
    uint32_t reserved;
    chainfer_element root, into, out, scale;
} chainfer_ntt;

/* Operations of a program, on registers that hold a column each. A result may replace an operand. */
enum {
    CHAINFER_COLUMN = 0,   /* to = column a, row i being its row (i + b) modulo the number of rows */
    CHAINFER_CONSTANT = 1, /* to = constant a in every row */
    CHAINFER_ADD = 2,      /* to = a + b */
    CHAINFER_SUBTRACT = 3, /* to = a - b */
    CHAINFER_MULTIPLY = 4, /* to = a * b, row by row */
    CHAINFER_OUTPUT = 5    /* output number `to` = register a */
};

typedef struct {
    uint32_t code;
    uint32_t to;
    uint32_t a;
    int32_t b;
} chainfer_operation;

typedef struct {
    uint64_t registers;
    uint64_t outputs;
    uint64_t constants;
    const chainfer_element *constant;
    uint64_t operations;
    const chainfer_operation *operation;
} chainfer_program;

typedef struct {
    uint64_t size;    /* bytes of this table, as the library was built */
    uint64_t version; /* CHAINFER_COMPUTE_VERSION */

    /* A context for a device; what `device` may say is up to the library. */
    int (*context_create)(const char *device, chainfer_context **out);
    void (*context_destroy)(chainfer_context *);
    /* Why the last call on this context failed; with null, why the last context_create of this thread did. Valid until the next call. */
    const char *(*last_error)(const chainfer_context *);
    /* Of library and device, for reports. */
    const char *(*name)(const chainfer_context *);

    int (*column_create)(chainfer_context *, const chainfer_element *values, uint64_t count, chainfer_column **out);
    int (*column_read)(chainfer_context *, const chainfer_column *, chainfer_element *out, uint64_t count);
    void (*column_destroy)(chainfer_context *, chainfer_column *);
    uint64_t (*column_len)(const chainfer_context *, const chainfer_column *);

    /* These three come together. */
    int (*bases_create)(chainfer_context *, const chainfer_point *points, uint64_t count, chainfer_bases **out);
    void (*bases_destroy)(chainfer_context *, chainfer_bases *);
    /* out[j] = sum over i of columns[j][i] * bases[i]; columns may be shorter than the bases. */
    int (*commit)(chainfer_context *, const chainfer_bases *, const chainfer_column *const *columns, uint64_t count, chainfer_point *out);

    /* out[j] = a new column, the transform of columns[j]. */
    int (*ntt)(chainfer_context *, const chainfer_ntt *, const chainfer_column *const *columns, uint64_t count, chainfer_column **out);
    /* out = a new column of `len` elements, the sum over j of factors[j] * columns[j]; shorter columns end in zeros. */
    int (*combine)(chainfer_context *, const chainfer_element *factors, const chainfer_column *const *columns, uint64_t count, uint64_t len,
                   chainfer_column **out);
    /* out[j] = sum over i of columns[j][i] * points[j]^i */
    int (*evaluate)(chainfer_context *, const chainfer_column *const *columns, const chainfer_element *points, uint64_t count,
                    chainfer_element *out);
    /* out[o] = a new column for each output. */
    int (*run)(chainfer_context *, const chainfer_program *, const chainfer_column *const *columns, uint64_t count, chainfer_column **out);
} chainfer_compute;

/* The table lives as long as the library is loaded. */
const chainfer_compute *chainfer_compute_v1(void);

#ifdef __cplusplus
}
#endif

#endif
