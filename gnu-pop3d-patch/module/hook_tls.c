/*
 * hook_tls.c: certificate and key are tried at the start. GNU looks only whether the files are there: it
 * would begin, and the handshake of each client fail.
 */
#include "hooks.h"
#include "process.h"

VP_EXPORT int mu_tls_config_check(struct mu_tls_config const *conf, int verbose)
{
	gnutls_certificate_credentials_t credentials = NULL;

	int r = vp_real.mu_tls_config_check(conf, verbose);
	if (r != MU_TLS_CONFIG_OK || conf->cert_file == NULL || conf->key_file == NULL)
		return r;
	int err = vp_real.gnutls_certificate_allocate_credentials(&credentials);
	if (err == 0)
		err = vp_real.gnutls_certificate_set_x509_key_file(credentials, conf->cert_file,
								   conf->key_file, GNUTLS_X509_FMT_PEM);
	if (err < 0) {
		(void)fprintf(stderr, "virtual-pop3d: pop3_certificate = %s, pop3_key = %s: %s\n",
			      conf->cert_file, conf->key_file, vp_real.gnutls_strerror(err));
		_exit(VP_EXIT_REFUSED);
	}
	vp_real.gnutls_certificate_free_credentials(credentials);
	return r;
}
