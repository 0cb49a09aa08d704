/*
 * The few calls of LAME that a live stream needs, over buffers that lie at fixed places: samples are written into `left`
 * and `right`, frames are read from `out`. One encoder a module instance. Everything is allocated by `init`, nothing by
 * `encode` or `flush`.
 */
#include "config.h"
#include <stddef.h>
#include <stdlib.h>
#include "lame.h"
#include "machine.h"
#include "encoder.h"
#include "util.h"
#include "lame_global_flags.h"

#define EXPORT(name) __attribute__((export_name(#name))) name

/* A frame's samples; LAME's bound for what that many can give is 1.25 n + 7200 bytes (lame.h). */
enum { BLOCK_SAMPLES = 1152, OUT_BYTES = BLOCK_SAMPLES + BLOCK_SAMPLES / 4 + 7200 };

static lame_global_flags *encoder;
static float left[BLOCK_SAMPLES];
static float right[BLOCK_SAMPLES];
static unsigned char out[OUT_BYTES];

/* What LAME has to say goes nowhere: it would be a worker's stderr. */
static void say_nothing(const char *format, va_list arguments)
{
    (void) format;
    (void) arguments;
}

int EXPORT(block_samples)(void) { return BLOCK_SAMPLES; }
float *EXPORT(left_at)(void) { return left; }
float *EXPORT(right_at)(void) { return right; }
unsigned char *EXPORT(out_at)(void) { return out; }

/* What LAME would do by itself, and again, when a block comes that is larger than any before (lame.c, update_inbuffer_size). */
static int allocate_input(EncStateVar_t *state)
{
    state->in_buffer_0 = calloc(BLOCK_SAMPLES, sizeof(sample_t));
    state->in_buffer_1 = calloc(BLOCK_SAMPLES, sizeof(sample_t));
    state->in_buffer_nsamples = BLOCK_SAMPLES;
    return state->in_buffer_0 != NULL && state->in_buffer_1 != NULL;
}

/* Begins a new stream: joint stereo, constant bit rate, each frame on its own. 0, or LAME's
 * error, or -10: no memory. */
int EXPORT(init)(int sample_rate_hz, int bitrate_kbps)
{
    if (encoder != NULL)
        lame_close(encoder);
    encoder = lame_init();
    if (encoder == NULL)
        return -10;
    lame_set_errorf(encoder, say_nothing);
    lame_set_debugf(encoder, say_nothing);
    lame_set_msgf(encoder, say_nothing);
    lame_set_num_channels(encoder, 2);
    lame_set_mode(encoder, JOINT_STEREO);
    lame_set_in_samplerate(encoder, sample_rate_hz);
    lame_set_out_samplerate(encoder, sample_rate_hz);
    lame_set_VBR(encoder, vbr_off);
    lame_set_brate(encoder, bitrate_kbps);
    lame_set_disable_reservoir(encoder, 1);
    lame_set_bWriteVbrTag(encoder, 0);
    lame_set_write_id3tag_automatic(encoder, 0);
    int error = lame_init_params(encoder);
    if (error < 0)
        return error;
    return allocate_input(&encoder->internal_flags->sv_enc) ? 0 : -10;
}

/* Encodes the first `samples` of both buffers, at most a block. Bytes in `out`, or LAME's error (below 0). */
int EXPORT(encode)(int samples)
{
    if (encoder == NULL || samples < 0 || samples > BLOCK_SAMPLES)
        return -3;
    return lame_encode_buffer_ieee_float(encoder, left, right, samples, out, OUT_BYTES);
}

/* Gives what is held back, filled up with silence. Afterwards only `init` makes sense. */
int EXPORT(flush)(void)
{
    return encoder == NULL ? -3 : lame_encode_flush(encoder, out, OUT_BYTES);
}
