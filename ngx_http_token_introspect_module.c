/*
 * ngx_http_token_introspect_module: bearer tokens checked in nginx's access phase.
 *
 * This file is what nginx loads: the command table and the two modules. The second one stands among
 * the filters and takes the bodies of the module's own subrequests.
 */

#include "src/nginx/bridge.h"


#define TI_LOCATION  (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF)


static ngx_command_t  ngx_http_token_introspect_commands[] = {

    { ngx_string("token_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ti_token_zone, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },

    { ngx_string("jwks_cache_path"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ti_jwks_cache_path, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },

    { ngx_string("token_introspector"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ti_token_introspector, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },

    { ngx_string("token_exchanger"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ti_token_exchanger, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },

    { ngx_string("token_policy"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ti_token_policy, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },

    { ngx_string("token_resources"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ti_token_resources, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },

    { ngx_string("token_issuer"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ti_token_issuer, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },

    { ngx_string("token_client"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ti_token_client, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },

    { ngx_string("token_claim_set"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ti_token_claim_set, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },

    { ngx_string("token_header_set"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ti_token_header_set, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },

    { ngx_string("token_introspect"),
      TI_LOCATION|NGX_CONF_1MORE,
      ti_token_introspect, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_source"),
      TI_LOCATION|NGX_CONF_TAKE12,
      ti_token_source, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_realm"),
      TI_LOCATION|NGX_CONF_TAKE1,
      ti_token_realm, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_challenge"),
      TI_LOCATION|NGX_CONF_TAKE1,
      ti_token_challenge, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_error_code"),
      TI_LOCATION|NGX_CONF_1MORE,
      ti_token_error_code, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_require"),
      TI_LOCATION|NGX_CONF_1MORE,
      ti_token_require, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_require_claim"),
      TI_LOCATION|NGX_CONF_2MORE,
      ti_token_require_claim, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_require_scope"),
      TI_LOCATION|NGX_CONF_1MORE,
      ti_token_require_scope, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_forward_claims"),
      TI_LOCATION|NGX_CONF_1MORE,
      ti_token_forward_claims, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_forward_token"),
      TI_LOCATION|NGX_CONF_TAKE1,
      ti_token_forward_token, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_exchange"),
      TI_LOCATION|NGX_CONF_TAKE1,
      ti_token_exchange, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_authorize"),
      TI_LOCATION|NGX_CONF_1MORE,
      ti_token_authorize, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_policy_debug"),
      TI_LOCATION|NGX_CONF_TAKE1,
      ti_token_policy_debug, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_exchange_endpoint"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ti_token_exchange_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_jwks"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ti_token_jwks, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_introspection_endpoint"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ti_token_introspection_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_revocation_endpoint"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ti_token_revocation_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

    { ngx_string("token_metadata"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ti_token_metadata, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_token_introspect_module_ctx = {
    ti_add_variables,                      /* preconfiguration */
    ti_add_handlers,                       /* postconfiguration */

    ti_create_main_conf,                   /* create main configuration */
    ti_init_main_conf,                     /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ti_create_loc_conf,                    /* create location configuration */
    ti_merge_loc_conf                      /* merge location configuration */
};


ngx_module_t  ngx_http_token_introspect_module = {
    NGX_MODULE_V1,
    &ngx_http_token_introspect_module_ctx, /* module context */
    ngx_http_token_introspect_commands,    /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ti_init_process,                       /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_module_t  ngx_http_token_introspect_filter_module_ctx = {
    NULL,                                  /* preconfiguration */
    ti_add_filter,                         /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_token_introspect_filter_module = {
    NGX_MODULE_V1,
    &ngx_http_token_introspect_filter_module_ctx, /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


#define TI_EXPORT  __attribute__((visibility("default")))

TI_EXPORT ngx_module_t *ngx_modules[] = {
    &ngx_http_token_introspect_module,
    &ngx_http_token_introspect_filter_module,
    NULL
};

TI_EXPORT char *ngx_module_names[] = {
    "ngx_http_token_introspect_module",
    "ngx_http_token_introspect_filter_module",
    NULL
};

/*
 * Access handlers run in the reverse of this order: after allow and deny, so that a denied address
 * costs no fetch, and before auth_basic. The filter comes before the copy filter in the list, and so
 * after it at run time: it sees buffers in memory.
 */
TI_EXPORT char *ngx_module_order[] = {
    "ngx_http_token_introspect_module",
    "ngx_http_access_module",
    "ngx_http_token_introspect_filter_module",
    "ngx_http_copy_filter_module",
    NULL
};
