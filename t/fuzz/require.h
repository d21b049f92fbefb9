/*
 * require.h: what must hold for every input; where it does not, the fuzzer keeps the input.
 */
#ifndef FUZZ_REQUIRE_H
#define FUZZ_REQUIRE_H

#include <stdbool.h>
#include <stdlib.h>

static inline void require(bool holds)
{
	if (!holds)
		abort();
}

#endif
