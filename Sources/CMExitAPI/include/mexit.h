/* mexit: run multi-exit neural networks that really exit early. The C interface of libmexit.
 *
 * A checkpoint (.mexit) is opened (mexit_file), compiled (mexit_model), and run in a context (mexit_context). docs/embedding.md
 * walks through a program.
 *
 * Errors: every function that can fail returns a mexit_status. MEXIT_OK is 0. After any other, mexit_error() says what was
 * wrong in the calling thread. Nothing is written through out-parameters then. A null pointer where something is needed is
 * MEXIT_ERROR_USE.
 *
 * Threads: files, models and policies may be used by any number of threads at once. A context, with the anytime runs on it,
 * belongs to one thread at a time: a call that finds another one under way does nothing and returns MEXIT_ERROR_BUSY. Make a
 * context per thread; they share the model.
 *
 * Life: what a handle needs lives as long as it does, so handles may be closed in any order. Closing NULL does nothing. A handle
 * must not be used by another thread while it is closed, nor after.
 *
 * Numbers: MACs are multiply-adds of convolutions and linear layers; FLOPs are 2 x MACs plus one per output element of every other
 * operation. Times are nanoseconds. Logits, and so labels, are the same, bit for bit, in every mode, batch and number of threads.
 */
#ifndef MEXIT_H
#define MEXIT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum mexit_status {
    MEXIT_OK = 0,
    /* mexit_anytime_step: there is no further answer. */
    MEXIT_DONE = 1,
    /* The operating system refused: no such file, no permission. */
    MEXIT_ERROR_IO = 2,
    /* Not a checkpoint, damaged, or breaking a rule of the format. */
    MEXIT_ERROR_FILE = 3,
    /* A newer format, or an operation that this build does not know; the message names it. */
    MEXIT_ERROR_UNSUPPORTED = 4,
    /* The model cannot be compiled, or has not the exits asked for. */
    MEXIT_ERROR_MODEL = 5,
    /* An input of the wrong size, or with values that are not finite. */
    MEXIT_ERROR_INPUT = 6,
    /* A policy that cannot be read or does not fit the model. */
    MEXIT_ERROR_POLICY = 7,
    /* A budget that is negative or does not pay the first exit for all; the message names the least that does. */
    MEXIT_ERROR_BUDGET = 8,
    /* A null pointer, a number out of range, no free slot. */
    MEXIT_ERROR_USE = 9,
    /* Another thread is using the context. */
    MEXIT_ERROR_BUSY = 10,
    /* A fault of the library. */
    MEXIT_ERROR_INTERNAL = 11
} mexit_status;

typedef struct mexit_file mexit_file;
typedef struct mexit_model mexit_model;
typedef struct mexit_policy mexit_policy;
typedef struct mexit_context mexit_context;
typedef struct mexit_anytime mexit_anytime;

/* "0.1.0". */
const char *mexit_version(void);

/* What the last failed call of this thread said; "" before the first. Valid until the thread's next failed call. */
const char *mexit_error(void);

/* The monotonic clock that deadlines are given in (CLOCK_MONOTONIC). */
int64_t mexit_now(void);

/* Gives the calling thread, and threads that it starts afterwards (those of a context, too), the real-time `level` 1 (the lowest)
 * ... 99: it keeps its processor while ordinary threads wait, so that deadlines are held on a machine whose processors are all
 * busy. 0 makes it an ordinary thread again. Needs root, CAP_SYS_NICE or a limit for real-time priority (ulimit -r); else
 * MEXIT_ERROR_USE, and nothing is changed. POSIX SCHED_FIFO. */
mexit_status mexit_thread_realtime(int32_t level);

/* ---- Files ------------------------------------------------------------------------------------------------------------- */

/* Opens a checkpoint: reads and checks all but the tensors. `path`: of a regular file. `file`: takes the handle, for mexit_close().
 * MEXIT_ERROR_IO, MEXIT_ERROR_FILE or MEXIT_ERROR_UNSUPPORTED say what is wrong with it. Cost: that of the description, whatever the
 * size of the tensors. */
mexit_status mexit_open(const char *path, mexit_file **file);
/* The same from `count` bytes of memory, which are copied. */
mexit_status mexit_open_memory(const void *bytes, size_t count, mexit_file **file);
/* Lets go of a file; models that were compiled from it stay. */
void mexit_close(mexit_file *file);

/* ---- Models ------------------------------------------------------------------------------------------------------------ */

typedef struct mexit_compile_options {
    /* Exits to keep, ascending; the others' heads, and what only they need, are not there. NULL and 0 for all. */
    const int32_t *exits;
    size_t exit_count;
    /* Not 0: return as soon as the network is planned and read the weights on threads; a stage waits for its own, so that exit 0
     * answers while later stages still load. 0: return when all is read. */
    int32_t progressive;
} mexit_compile_options;

/* Plans memory, chooses kernels for this processor, reads and packs weights. `options` may be NULL: all exits, not progressive.
 * `model`: takes the handle, for mexit_model_close(). MEXIT_ERROR_MODEL when exits are asked for that are not there; MEXIT_ERROR_FILE
 * when a tensor is damaged (of a progressive model the first run that needs it and mexit_model_wait() say so). Cost: some
 * milliseconds per million parameters, on all processors. */
mexit_status mexit_compile(const mexit_file *file, const mexit_compile_options *options, mexit_model **model);
/* Waits until the weights of all stages are there, and helps to load them. MEXIT_ERROR_FILE when one of them is damaged. */
mexit_status mexit_model_wait(const mexit_model *model);
/* Lets go of a model; contexts and policies that were made for it stay. */
void mexit_model_close(mexit_model *model);

typedef struct mexit_model_info {
    /* Shape of the input: {C, H, W} or, with rank 1, {K}; and the number of its values. */
    int32_t rank;
    int32_t shape[3];
    size_t input_count;
    int32_t class_count;
    /* Exits that were kept; a stage ends at each. */
    int32_t stage_count;
    /* Stages whose weights are there. */
    int32_t loaded_stages;
    /* Operating points stored with the model, for mexit_policy_create("calibrated:NAME"). */
    int32_t policy_count;
} mexit_model_info;

typedef struct mexit_stage_info {
    /* The exit that ends the stage, counted among all of the file's. */
    int32_t exit;
    /* What an answer of this exit costs in all. */
    int64_t macs;
    int64_t flops;
} mexit_stage_info;

/* Fills in `info`. */
mexit_status mexit_model_describe(const mexit_model *model, mexit_model_info *info);
/* Fills in `info` for a stage, 0 ... stage_count - 1; MEXIT_ERROR_USE for another. */
mexit_status mexit_model_stage(const mexit_model *model, int32_t stage, mexit_stage_info *info);
/* The name of a class (its number where the model has no names); NULL out of range. Valid while the model is open. */
const char *mexit_model_class_name(const mexit_model *model, int32_t label);
/* The name of an operating point; NULL out of range. Valid while the model is open. */
const char *mexit_model_policy_name(const mexit_model *model, int32_t index);

/* ---- Policies: when a sample leaves ------------------------------------------------------------------------------------ */

/* `text`: "last", "exit:2", "confidence:0.9" (or one threshold per exit but the last, "confidence:0.9,0.8,..."), "entropy:...",
 * "margin:...", "patience:2", "calibrated:NAME"; "product:" before one of them takes labels and confidences from the product of
 * all exits so far. `policy`: takes the handle, for mexit_policy_close(). MEXIT_ERROR_POLICY when the text cannot be read or does not
 * fit the model's exits. */
mexit_status mexit_policy_create(const mexit_model *model, const char *text, mexit_policy **policy);

typedef struct mexit_exit_view {
    int32_t exit;
    int32_t stage;
    int32_t label;
    /* Exits in a row, this one included, that confirmed the label of the exit before them. */
    int32_t streak;
    /* Probability of the label. */
    double confidence;
    /* Multiply-adds so far, and those that the next exit would add. */
    int64_t macs;
    int64_t macs_of_next_stage;
} mexit_exit_view;

/* Not 0: the sample leaves. Called by whichever thread runs the sample, several at a time; must not call the context. */
typedef int32_t (*mexit_leaves)(void *user, const mexit_exit_view *view);

/* A policy of your own, which reports call `name`: `leaves` is asked at every exit but the last. `user` is handed to it, and must live
 * as long as the policy and every anytime run or batch that uses it. */
mexit_status mexit_policy_create_custom(
    const mexit_model *model, const char *name, mexit_leaves leaves, void *user, mexit_policy **policy);
/* Lets go of a policy. */
void mexit_policy_close(mexit_policy *policy);

/* ---- Contexts ---------------------------------------------------------------------------------------------------------- */

/* Memory and threads for one caller. `slots`: samples that can be under way at once; `threads` share the work. Both at least 1;
 * else, or when memory is short, MEXIT_ERROR_USE. `context`: takes the handle, for mexit_context_close(). */
mexit_status mexit_context_create(const mexit_model *model, int32_t slots, int32_t threads, mexit_context **context);
/* Runs every stage `runs` times (16 is usual), so that deadlines find predictions. Needs a free slot. */
mexit_status mexit_context_measure(mexit_context *context, int32_t runs);
/* Lets go of a context; ends its threads once no anytime run needs it. */
void mexit_context_close(mexit_context *context);

/* One sample, channel by channel as the model's input shape says: either `pixels` (bytes of a picture, normalised as the model was
 * trained) or `values` (taken as they are, finite); the other is NULL. */
typedef struct mexit_input {
    const uint8_t *pixels;
    const float *values;
    /* Number of bytes or values. */
    size_t count;
} mexit_input;

typedef struct mexit_answer {
    int32_t exit;
    int32_t label;
    /* Stages that were run. */
    int32_t stages;
    /* 1: ready behind its deadline. */
    int32_t late;
    /* Probability of the label; 0 when the network's numbers overflowed. */
    double confidence;
    /* Done, and not done because the sample left early. */
    int64_t macs;
    int64_t macs_saved;
    int64_t flops;
    int64_t flops_saved;
} mexit_answer;

#define MEXIT_NO_DEADLINE INT64_MAX

/* Classifies one sample. `policy` NULL: run to the last exit. `deadline`: on mexit_now()'s clock, or MEXIT_NO_DEADLINE; a stage
 * is started only if it is likely to end by then (of 100 samples whose first exit is in time, 99 are), but the first exit always
 * answers (late, if so). `answer`: filled in. `logits`: room for class_count floats, or NULL. MEXIT_ERROR_INPUT for an input of the
 * wrong size or with numbers that are not finite; MEXIT_ERROR_USE when no slot is free. Cost: the stages that are run. */
mexit_status mexit_classify(
    mexit_context *context, const mexit_input *input, const mexit_policy *policy, int64_t deadline, mexit_answer *answer,
    float *logits);

/* Classifies a batch; samples that leave make room for the next. `answers`: room for `count`. `logits`: room for
 * count x class_count floats, or NULL. On an error no answer is given; the message names the input. */
mexit_status mexit_classify_batch(
    mexit_context *context, const mexit_input *inputs, size_t count, const mexit_policy *policy, mexit_answer *answers,
    float *logits);

typedef enum mexit_budget_mode {
    /* Never above the budget: all take the first exit, then those go deeper that gain most per multiply-add. `policy` is NULL. */
    MEXIT_BUDGET_EXACT = 0,
    /* Each leaves by `policy`; NULL: the dearest calibrated one that is expected to stay within the budget. May cost more. */
    MEXIT_BUDGET_THRESHOLD = 1
} mexit_budget_mode;

/* Classifies a batch within a budget of multiply-adds for all of it; `answers` and `logits` as for mexit_classify_batch().
 * MEXIT_ERROR_BUDGET when it does not pay the first exit for all: the message names the least that does. */
mexit_status mexit_classify_budget(
    mexit_context *context, const mexit_input *inputs, size_t count, int64_t budget_macs, mexit_budget_mode mode,
    const mexit_policy *policy, mexit_answer *answers, float *logits);

/* ---- Anytime ----------------------------------------------------------------------------------------------------------- */

/* Begins with a sample; nothing is run yet. `anytime`: takes the handle, for mexit_anytime_end(). MEXIT_ERROR_USE when no slot is
 * free. It takes a slot of the context until it is done or ended. Several may be under way
 * in one context, as many as it has slots. */
mexit_status mexit_anytime_begin(mexit_context *context, const mexit_input *input, int64_t deadline, mexit_anytime **anytime);
/* Runs the next stage and gives its exit's answer. MEXIT_DONE behind the last exit, or when the next stage would not end by the
 * deadline; `answer` and `logits` stay as they were then. */
mexit_status mexit_anytime_step(mexit_anytime *anytime, mexit_answer *answer, float *logits);
/* Ends it at whatever point, and frees it; on MEXIT_ERROR_BUSY it is not freed. */
mexit_status mexit_anytime_end(mexit_anytime *anytime);

/* ---- Accounting -------------------------------------------------------------------------------------------------------- */

/* What a context's samples came to whose slots have been given back. `samples` is `unanswered` plus the answers of all stages. */
typedef struct mexit_totals {
    int64_t samples;
    /* Given back before the first stage was run. */
    int64_t unanswered;
    int64_t macs;
    int64_t macs_saved;
    int64_t flops;
    int64_t flops_saved;
} mexit_totals;

typedef struct mexit_stage_totals {
    /* Samples whose last exit was this stage's. */
    int64_t answers;
    /* Groups that ran the stage, samples in them, and the time of all; the median, 99th percentile and longest run, to two
     * significant digits. */
    int64_t runs;
    int64_t samples;
    int64_t time;
    int64_t median_time;
    int64_t p99_time;
    int64_t longest_time;
} mexit_stage_totals;

/* Fill in `totals`, for all stages and for one, 0 ... stage_count - 1. */
mexit_status mexit_context_totals(mexit_context *context, mexit_totals *totals);
mexit_status mexit_context_stage_totals(mexit_context *context, int32_t stage, mexit_stage_totals *totals);

#ifdef __cplusplus
}
#endif

#endif
