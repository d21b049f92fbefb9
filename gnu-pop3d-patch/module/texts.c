#include "texts.h"

#include <stddef.h>

static const struct {
	const char *english, *danish;
} texts[] = {
	{ VP_TEXT_UNAVAILABLE, "[SYS/TEMP] Serveren kan ikke betjene dig lige nu; proev igen senere" },
	{ VP_TEXT_TOO_MANY_SESSIONS, "[SYS/TEMP] For mange forbindelser fra din adresse" },
	{ VP_TEXT_TOO_MANY_TRIES,
	  "[SYS/TEMP] For mange forkerte adgangskoder fra din adresse; proev igen senere" },
	{ VP_TEXT_WRONG, "[AUTH] Forkert brugernavn eller adgangskode" },
	{ VP_TEXT_IN_USE, "[IN-USE] Postkassen bruges af en anden forbindelse eller et andet program" },
	{ VP_TEXT_DELAY, "[LOGIN-DELAY] Der er gaaet for kort tid siden dit sidste login" },
	{ VP_TEXT_MAILBOX, "[SYS/TEMP] Postkassen kan ikke aabnes lige nu" },
	{ VP_TEXT_PERMANENT, "[SYS/PERM] Noget paa serveren skal rettes foerst; spoerg dens postmaster" },
	{ VP_TEXT_CHANGED, "[SYS/TEMP] Et andet program har aendret postkassen; log ind igen" },
	{ VP_TEXT_NOT_REMOVED, "[SYS/TEMP] Nogle slettede breve blev ikke fjernet" },
	{ VP_TEXT_BAD_LINE, "Kommandoen er for lang eller indeholder ugyldige tegn" },
	{ VP_TEXT_BAD_ARGUMENTS, "Ugyldige argumenter" },
	{ VP_TEXT_NO_MESSAGE, "Der er intet brev med det nummer" },
	{ VP_TEXT_IS_DELETED, "Brevet er slettet" },
	{ VP_TEXT_UNKNOWN_COMMAND, "Ukendt kommando" },
	{ VP_TEXT_WRONG_STATE, "Kommandoen kan ikke bruges nu" },
	{ VP_TEXT_TLS_FIRST, "Begynd TLS foerst, med STLS" },
	{ VP_TEXT_NO_APOP, "APOP tilbydes ikke her" },
	{ "Not implemented", "Findes ikke her" },
	{ "Session timed out", "Forbindelsen var inaktiv for laenge" },
};

const char *vp_text(const char *language, const char *english)
{
	if (strcmp(language, "da") != 0)
		return english;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (strcmp(texts[i].english, english) == 0)
			return texts[i].danish;
	return english;
}
