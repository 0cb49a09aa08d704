/* What LAME's configure would find for wasm32-wasi: no decoder, no assembly, no files worth having. */
#ifndef LAME_CONFIG_H
#define LAME_CONFIG_H

#define PACKAGE "lame"
#define VERSION "3.100"

#define STDC_HEADERS 1
#define HAVE_ERRNO_H 1
#define HAVE_FCNTL_H 1
#define HAVE_LIMITS_H 1
#define HAVE_STDINT_H 1
#define HAVE_INTTYPES_H 1
#define HAVE_STRING_H 1
#define HAVE_STRINGS_H 1
#define HAVE_STDLIB_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_UNISTD_H 1
#define HAVE_STRCHR 1
#define HAVE_MEMCPY 1
#define HAVE_STRTOL 1
#define PROTOTYPES 1

#define SIZEOF_INT 4
#define SIZEOF_LONG 4
#define SIZEOF_LONG_LONG 8
#define SIZEOF_SHORT 2
#define SIZEOF_UNSIGNED_INT 4
#define SIZEOF_UNSIGNED_LONG 4
#define SIZEOF_UNSIGNED_LONG_LONG 8
#define SIZEOF_UNSIGNED_SHORT 2
#define SIZEOF_FLOAT 4
#define SIZEOF_DOUBLE 8

typedef float ieee754_float32_t;
typedef double ieee754_float64_t;

/* As configure sets them on any machine whose floats are IEEE 754: a table for logarithms, rounding by adding 2^23. */
#define USE_FAST_LOG 1
#define TAKEHIRO_IEEE754_HACK 1

#endif
