/* Layouts that callers compile in: a change of one of these numbers breaks every program that was built before. */
#include "mexit.h"

_Static_assert(sizeof(mexit_answer) == 56, "mexit_answer is part of the binary interface");
_Static_assert(sizeof(mexit_exit_view) == 40, "mexit_exit_view is part of the binary interface");
_Static_assert(sizeof(mexit_totals) == 48, "mexit_totals is part of the binary interface");
_Static_assert(sizeof(mexit_stage_totals) == 56, "mexit_stage_totals is part of the binary interface");
_Static_assert(sizeof(mexit_stage_info) == 24, "mexit_stage_info is part of the binary interface");
_Static_assert(sizeof(void *) != 8 || sizeof(mexit_input) == 24, "mexit_input is part of the binary interface");
_Static_assert(sizeof(void *) != 8 || sizeof(mexit_model_info) == 40, "mexit_model_info is part of the binary interface");
_Static_assert(sizeof(void *) != 8 || sizeof(mexit_compile_options) == 24, "mexit_compile_options is part of the binary interface");
