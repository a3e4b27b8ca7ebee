#include "nginx/bridge.h"
#include "nginx/request.hpp"

#include "base/text.hpp"

#include <array>

namespace token_introspect::nginx {

namespace {

constexpr std::size_t kHashBytes = 8;  // shown as twice as many hex digits


ngx_int_t none(ngx_http_variable_value_t *value) noexcept
{
    value->not_found = 1;
    return NGX_OK;
}

// A text that lives at least as long as the request.
ngx_int_t lasting(ngx_http_variable_value_t *value, std::string_view text) noexcept
{
    value->data = borrow(text).data;
    value->len = static_cast<unsigned>(text.size()) & 0xfffffff;
    value->valid = 1;
    value->no_cacheable = 0;
    value->not_found = 0;
    return NGX_OK;
}

ngx_int_t copied(ngx_http_request_t *request, ngx_http_variable_value_t *value,
                 std::string_view text) noexcept
{
    const ngx_str_t kept = copy(request->pool, text);
    return kept.data != nullptr ? lasting(value, view(kept)) : NGX_ERROR;
}

ngx_int_t show(ngx_http_request_t *request, ngx_http_variable_value_t *value, token::Value claim)
{
    if (!claim.present()) {
        return none(value);
    }
    if (claim.is_string()) {
        // in proxy_set_header or add_header, a line break would begin a header of its own
        return is_header_safe(claim.string()) ? lasting(value, claim.string()) : none(value);
    }
    std::string text;
    claim.append_text(text);
    return is_header_safe(text) ? copied(request, value, text) : none(value);
}

// Wraps a function of the request's object: nothing is shown for requests that have none.
template <ngx_int_t (*Body)(ngx_http_request_t *, ngx_http_variable_value_t *, const Request &,
                            uintptr_t)>
ngx_int_t get(ngx_http_request_t *request, ngx_http_variable_value_t *value, uintptr_t data)
{
    return guarded(static_cast<ngx_int_t>(NGX_ERROR), [&]() -> ngx_int_t {
        const Request *own = Request::of(request);
        return own == nullptr ? none(value) : Body(request, value, *own, data);
    });
}

ngx_int_t status(ngx_http_request_t *, ngx_http_variable_value_t *value, const Request &own,
                 uintptr_t)
{
    return own.decided() ? lasting(value, outcome(own.code()).word) : none(value);
}

ngx_int_t error(ngx_http_request_t *, ngx_http_variable_value_t *value, const Request &own,
                uintptr_t)
{
    return own.decided() ? lasting(value, outcome(own.code()).error) : none(value);
}

ngx_int_t error_description(ngx_http_request_t *, ngx_http_variable_value_t *value,
                            const Request &own, uintptr_t)
{
    return own.decided() ? lasting(value, outcome(own.code()).description) : none(value);
}

ngx_int_t introspector(ngx_http_request_t *, ngx_http_variable_value_t *value, const Request &own,
                       uintptr_t)
{
    const flow::Introspector *by = own.introspector();
    return by != nullptr ? lasting(value, by->name) : none(value);
}

ngx_int_t type(ngx_http_request_t *, ngx_http_variable_value_t *value, const Request &own,
               uintptr_t)
{
    const flow::Introspector *by = own.introspector();
    if (by == nullptr) {
        return none(value);
    }
    return lasting(value, by->kind == flow::Kind::kJwt ? "jwt"
                          : by->cookie.empty()         ? "opaque"
                                                       : "cookie");
}

ngx_int_t cache_status(ngx_http_request_t *, ngx_http_variable_value_t *value, const Request &own,
                       uintptr_t)
{
    const std::string_view text = flow::name(own.cache_status());
    return text.empty() ? none(value) : lasting(value, text);
}

ngx_int_t hash(ngx_http_request_t *request, ngx_http_variable_value_t *value, const Request &own,
               uintptr_t)
{
    const Sha256 *digest = own.token_digest();
    return digest != nullptr ? copied(request, value, hex_encode(Bytes(*digest).first(kHashBytes)))
                             : none(value);
}

ngx_int_t claims(ngx_http_request_t *request, ngx_http_variable_value_t *value, const Request &own,
                 uintptr_t)
{
    if (own.claims().empty()) {
        return none(value);
    }
    std::string text;
    own.claims().root().append_json(text);
    return copied(request, value, text);
}

ngx_int_t introspection_jwt(ngx_http_request_t *, ngx_http_variable_value_t *value,
                            const Request &own, uintptr_t)
{
    const std::string_view jwt = own.introspection_jwt();
    return jwt.empty() ? none(value) : lasting(value, jwt);
}

ngx_int_t user_id(ngx_http_request_t *, ngx_http_variable_value_t *value, const Request &own,
                  uintptr_t)
{
    const std::string_view id = own.user_id();
    return id.empty() || !is_header_safe(id) ? none(value) : lasting(value, id);
}

// Of the location that the request is in: what was issued for another's upstream is not shown.
ngx_int_t exchanged(ngx_http_request_t *request, ngx_http_variable_value_t *value,
                    const Request &own, uintptr_t)
{
    const std::string_view token = own.exchanged_token(location_conf(request).exchanger);
    return token.empty() ? none(value) : lasting(value, token);
}

ngx_int_t policy(ngx_http_request_t *, ngx_http_variable_value_t *value, const Request &own,
                 uintptr_t)
{
    return own.policy().empty() ? none(value) : lasting(value, own.policy());
}

// The name behind the variable's prefix; data is the whole variable's name.
template <std::size_t Prefix> std::string_view suffix(uintptr_t data) noexcept
{
    return view(*reinterpret_cast<const ngx_str_t *>(data)).substr(Prefix);
}

constexpr std::string_view kClaimPrefix = "token_claim_";
constexpr std::string_view kHeaderPrefix = "token_header_";

ngx_int_t named_claim(ngx_http_request_t *request, ngx_http_variable_value_t *value,
                      const Request &own, uintptr_t data)
{
    return show(request, value, own.claims().find(suffix<kClaimPrefix.size()>(data)));
}

ngx_int_t named_header(ngx_http_request_t *request, ngx_http_variable_value_t *value,
                       const Request &own, uintptr_t data)
{
    return show(request, value, own.header().find(suffix<kHeaderPrefix.size()>(data)));
}

ngx_int_t claim_at(ngx_http_request_t *request, ngx_http_variable_value_t *value,
                   const Request &own, uintptr_t data)
{
    return show(request, value,
                reinterpret_cast<const token::ClaimPath *>(data)->find(own.claims()));
}

ngx_int_t header_at(ngx_http_request_t *request, ngx_http_variable_value_t *value,
                    const Request &own, uintptr_t data)
{
    return show(request, value,
                reinterpret_cast<const token::ClaimPath *>(data)->find(own.header()));
}

// The module's own locations ask these about their subrequest.
template <std::string_view (Subrequest::*Part)() const noexcept>
ngx_int_t fetch_part(ngx_http_request_t *request, ngx_http_variable_value_t *value, uintptr_t)
{
    const Subrequest *subrequest = Subrequest::of(request);
    return subrequest == nullptr ? none(value) : lasting(value, (subrequest->*Part)());
}

struct Named {
    std::string_view name;
    ngx_http_get_variable_pt get;
    ngx_uint_t flags = 0;
};

bool add(ngx_conf_t *cf, std::string_view name, ngx_http_get_variable_pt getter, uintptr_t data,
         ngx_uint_t flags)
{
    ngx_str_t variable_name = copy(cf->pool, name);
    if (variable_name.data == nullptr) {
        return false;
    }
    // Not cacheable: before the access phase they are empty, later they are not.
    ngx_http_variable_t *variable =
        ngx_http_add_variable(cf, &variable_name, NGX_HTTP_VAR_NOCACHEABLE | flags);
    if (variable == nullptr) {
        return false;
    }
    variable->get_handler = getter;
    variable->data = data;
    return true;
}

char *add_path(ngx_conf_t *cf, ngx_http_get_variable_pt getter)
{
    const std::vector<std::string_view> args = words(cf);
    if (args[1].size() < 2 || args[1][0] != '$') {
        return conf_error(cf, "invalid variable name \"" + std::string(args[1])
                                  + "\": write it with a dollar sign, as $name");
    }
    std::expected<token::ClaimPath, std::string> path = token::ClaimPath::parse(args[2]);
    if (!path) {
        return conf_error(cf, "invalid path \"" + std::string(args[2]) + "\": " + path.error());
    }
    const token::ClaimPath &kept = main_conf(cf)->variable_paths.emplace_back(std::move(*path));
    return add(cf, args[1].substr(1), getter, reinterpret_cast<uintptr_t>(&kept),
               NGX_HTTP_VAR_CHANGEABLE)
               ? NGX_CONF_OK
               : static_cast<char *>(NGX_CONF_ERROR);
}

}  // namespace

}  // namespace token_introspect::nginx

using namespace token_introspect::nginx;

extern "C" {

ngx_int_t ti_add_variables(ngx_conf_t *cf)
{
    const std::array named = {
        Named{"token_status", get<status>},
        Named{"token_error", get<error>},
        Named{"token_error_description", get<error_description>},
        Named{"token_introspector", get<introspector>},
        Named{"token_type", get<type>},
        Named{"token_cache_status", get<cache_status>},
        Named{"token_hash", get<hash>},
        Named{"token_claims", get<claims>},
        Named{"token_user_id", get<user_id>},
        Named{"token_exchanged", get<exchanged>},
        Named{"token_policy", get<policy>},
        Named{"token_introspection_jwt", get<introspection_jwt>},
        Named{kClaimPrefix, get<named_claim>, NGX_HTTP_VAR_PREFIX},
        Named{kHeaderPrefix, get<named_header>, NGX_HTTP_VAR_PREFIX},
        Named{"token_introspect_fetch_url", fetch_part<&Subrequest::url>},
        Named{"token_introspect_fetch_method", fetch_part<&Subrequest::method>},
        Named{"token_introspect_fetch_host", fetch_part<&Subrequest::host>},
        Named{"token_introspect_fetch_ssl_name", fetch_part<&Subrequest::ssl_name>},
    };
    return guarded(static_cast<ngx_int_t>(NGX_ERROR), [&]() -> ngx_int_t {
        for (const Named &variable : named) {
            if (!add(cf, variable.name, variable.get, 0, variable.flags)) {
                return NGX_ERROR;
            }
        }
        return NGX_OK;
    });
}

char *ti_token_claim_set(ngx_conf_t *cf, ngx_command_t *, void *)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR),
                   [&] { return add_path(cf, get<claim_at>); });
}

char *ti_token_header_set(ngx_conf_t *cf, ngx_command_t *, void *)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR),
                   [&] { return add_path(cf, get<header_at>); });
}

}  // extern "C"
