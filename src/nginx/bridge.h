/* What the shim may call: everything behind these functions is C++ and lets no exception out. */

#ifndef TOKEN_INTROSPECT_BRIDGE_H
#define TOKEN_INTROSPECT_BRIDGE_H

#ifdef __cplusplus
extern "C" {
#endif

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

extern ngx_module_t ngx_http_token_introspect_module;
extern ngx_module_t ngx_http_token_introspect_filter_module;

/* configuration objects */
void *ti_create_main_conf(ngx_conf_t *cf);
char *ti_init_main_conf(ngx_conf_t *cf, void *object);
void *ti_create_loc_conf(ngx_conf_t *cf);
char *ti_merge_loc_conf(ngx_conf_t *cf, void *parent_object, void *child_object);

/* http directives */
char *ti_token_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_jwks_cache_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_introspector(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_exchanger(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_policy(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_resources(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_issuer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_client(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_claim_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_header_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* location directives */
char *ti_token_introspect(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_source(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_realm(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_challenge(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_error_code(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_require(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_require_claim(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_require_scope(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_forward_claims(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_forward_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_exchange(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_authorize(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_policy_debug(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* location directives of a token_issuer */
char *ti_token_exchange_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_jwks(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_introspection_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_revocation_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ti_token_metadata(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* life cycle */
ngx_int_t ti_add_variables(ngx_conf_t *cf);
ngx_int_t ti_add_handlers(ngx_conf_t *cf);
ngx_int_t ti_add_filter(ngx_conf_t *cf);
ngx_int_t ti_init_process(ngx_cycle_t *cycle);

#ifdef __cplusplus
}
#endif

#endif
