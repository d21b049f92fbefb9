#include "maps/inner.h"

/*
 * `.forward+` and what stands behind the account's first `+` make the file's name, and all of ours have `--`
 * and a domain in it. Bytes that local(8) makes a `_` of stand for no character of `--` or a dot.
 * A filter that gives mail back by SMTP sends such an address to virtual.invalid: that is not refused.
 */
#define FORM "/^([^+@]+)\\+[^@]*--[^@]*\\.[^@]*@(?!virtual\\.invalid$)/"

void pv_inner_text(struct pv_buf *out)
{
	pv_buf_adds(out, "# Written by make-postfix-maps. What it gives is looked up in virtual_refused.\n"
			 "# Addresses account+user--domain are for the use of this host alone.\n" FORM
			 "\t${1}" PV_INNER_KEY "\n");
}
