/* Classifies a picture with libmexit: by a policy, exit by exit until a deadline, and as a batch within a budget.
 *
 *   cc -std=c11 -I Sources/CMExitAPI/include docs/examples/c/classify.c -L LIBRARIES -lmexit -Wl,-rpath,LIBRARIES -o classify
 *   ./classify MODEL.mexit PICTURE.ppm [POLICY]
 *
 * LIBRARIES is what `swift build -c release --product mexit --show-bin-path` prints. The picture is a binary PPM (P6, 8 bits) of the
 * model's size; `convert cat.jpg -resize 32x32! cat.ppm` makes one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "mexit.h"

/* Ends the program with the library's own words when a call failed. */
static void check(mexit_status status) {
    if (status == MEXIT_OK) return;
    fprintf(stderr, "error %d: %s\n", (int)status, mexit_error());
    exit(1);
}

static void refuse(const char *path, const char *why) {
    fprintf(stderr, "error: cannot read '%s': %s\n", path, why);
    exit(1);
}

/* The picture's bytes, red, green and blue maps one behind the other: pictures hold them pixel by pixel. */
static uint8_t *read_ppm(const char *path, const mexit_model_info *info) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) refuse(path, "it cannot be opened");
    int width = 0, height = 0, most = 0;
    if (fscanf(file, "P6 %d %d %d", &width, &height, &most) != 3 || fgetc(file) == EOF || most != 255)
        refuse(path, "it is not a binary PPM of 8 bits");
    if (info->rank != 3 || info->shape[0] != 3 || info->shape[1] != height || info->shape[2] != width)
        refuse(path, "it is not of the model's size");
    const size_t pixels = (size_t)width * (size_t)height;
    uint8_t *mixed = malloc(3 * pixels), *planes = malloc(3 * pixels);
    if (mixed == NULL || planes == NULL || fread(mixed, 3, pixels, file) != pixels) refuse(path, "it ends early");
    for (size_t channel = 0; channel < 3; channel++)
        for (size_t pixel = 0; pixel < pixels; pixel++) planes[channel * pixels + pixel] = mixed[3 * pixel + channel];
    free(mixed);
    fclose(file);
    return planes;
}

static void print(const char *what, const mexit_model *model, const mexit_answer *answer) {
    printf("%s: %s %.17g exit %" PRId32 " macs %" PRId64 " saved %" PRId64 "%s\n", what,
           mexit_model_class_name(model, answer->label), answer->confidence, answer->exit, answer->macs, answer->macs_saved,
           answer->late ? " late" : "");
}

/* A policy of one's own: leaves where two exits in a row agree and the second is fairly sure. */
static int32_t sure_twice(void *user, const mexit_exit_view *view) {
    return view->streak >= 1 && view->confidence >= *(const double *)user;
}

int main(int count, char **words) {
    if (count < 3) {
        fprintf(stderr, "usage: classify MODEL.mexit PICTURE.ppm [POLICY]\n");
        return 64;
    }
    mexit_file *file;
    mexit_model *model;
    mexit_context *context;
    check(mexit_open(words[1], &file));
    check(mexit_compile(file, NULL, &model));
    mexit_close(file);
    check(mexit_context_create(model, 4, 1, &context));
    check(mexit_context_measure(context, 16));

    mexit_model_info info;
    check(mexit_model_describe(model, &info));
    uint8_t *pixels = read_ppm(words[2], &info);
    const mexit_input input = {.pixels = pixels, .count = info.input_count};
    mexit_answer answer;

    /* By a policy: easy pictures leave early. */
    mexit_policy *policy;
    check(mexit_policy_create(model, count > 3 ? words[3] : "confidence:0.9", &policy));
    check(mexit_classify(context, &input, policy, MEXIT_NO_DEADLINE, &answer, NULL));
    print("policy", model, &answer);
    mexit_policy_close(policy);

    double sure = 0.6;
    check(mexit_policy_create_custom(model, "sure-twice", sure_twice, &sure, &policy));
    check(mexit_classify(context, &input, policy, MEXIT_NO_DEADLINE, &answer, NULL));
    print("own policy", model, &answer);
    mexit_policy_close(policy);

    /* Within 5 ms: the deepest exit that there is time for. */
    check(mexit_classify(context, &input, NULL, mexit_now() + 5000000, &answer, NULL));
    print("deadline", model, &answer);

    /* Exit by exit: a better answer each time, until the caller has had enough. */
    mexit_anytime *anytime;
    mexit_status status;
    check(mexit_anytime_begin(context, &input, MEXIT_NO_DEADLINE, &anytime));
    while ((status = mexit_anytime_step(anytime, &answer, NULL)) == MEXIT_OK) print("anytime", model, &answer);
    if (status != MEXIT_DONE) check(status);
    check(mexit_anytime_end(anytime));

    /* A batch that may cost one and a half times its first exits. */
    const mexit_input batch[6] = {input, input, input, input, input, input};
    mexit_answer answers[6];
    mexit_stage_info first;
    check(mexit_model_stage(model, 0, &first));
    check(mexit_classify_budget(context, batch, 6, 9 * first.macs, MEXIT_BUDGET_EXACT, NULL, answers, NULL));
    int64_t macs = 0;
    for (int index = 0; index < 6; index++) macs += answers[index].macs;
    printf("batch: %" PRId64 " of %" PRId64 " MACs\n", macs, 9 * first.macs);

    mexit_totals totals;
    check(mexit_context_totals(context, &totals));
    printf("totals: %" PRId64 " samples, %" PRId64 " MACs done, %" PRId64 " saved\n", totals.samples, totals.macs, totals.macs_saved);

    free(pixels);
    mexit_context_close(context);
    mexit_model_close(model);
    return 0;
}
