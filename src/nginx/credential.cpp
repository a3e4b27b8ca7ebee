#include "nginx/credential.hpp"

#include "base/text.hpp"
#include "nginx/authorization.hpp"
#include "nginx/header_list.hpp"
#include "token/credential.hpp"

#include <algorithm>

namespace token_introspect::nginx {

namespace {

using Found = Result<std::optional<std::string_view>>;

// Remembers the first credential and notices another one.
class Single {
public:
    // False when nothing more needs to be read.
    bool take(const Found &found, const CredentialSource &source)
    {
        if (!found) {
            result_ = std::unexpected(found.error());
            return false;
        }
        if (!*found) {
            return true;
        }
        if (!*result_) {
            result_ = std::optional(Credential{.token = **found, .source = &source});
        } else if ((*result_)->token != **found) {
            result_ = fail(Code::kMultipleCredentials, "the request has two different credentials");
            return false;
        }
        return true;
    }
    [[nodiscard]] const Result<std::optional<Credential>> &result() const noexcept
    {
        return result_;
    }

private:
    Result<std::optional<Credential>> result_ = std::optional<Credential>();
};

bool take_header(ngx_http_request_t *request, const CredentialSource &source, Single &single)
{
    bool more = true;
    each_header(request->headers_in.headers, [&](const ngx_table_elt_t &header) {
        if (is_header(header, source.name)) {
            const std::string_view value = view(header.value);
            more = single.take(
                source.bearer ? token::bearer_token(value) : token::bare_token(value), source);
        }
        return more;
    });
    return more;
}

bool take_cookie(ngx_http_request_t *request, const CredentialSource &source, Single &single)
{
    bool more = true;
    each_header(request->headers_in.headers, [&](const ngx_table_elt_t &header) {
        if (is_header(header, "Cookie")) {
            std::string_view rest = view(header.value);
            while (const auto value = token::find_cookie(rest, source.name)) {
                more = single.take(token::bare_token(*value), source);
                if (!more) {
                    break;
                }
                rest = {value->end(), rest.end()};
            }
        }
        return more;
    });
    return more;
}

bool take_query(ngx_http_request_t *request, const CredentialSource &source, Single &single)
{
    std::string_view rest = view(request->args);
    while (const auto argument = token::find_query_argument(rest, source.name)) {
        const std::optional<std::string> decoded = percent_decode(argument->value);
        if (!decoded) {
            return single.take(fail(Code::kMalformedCredential, "bad percent-encoding"), source);
        }
        const ngx_str_t kept = copy(request->pool, *decoded);
        if (kept.data == nullptr) {
            return single.take(fail(Code::kInternal, "out of memory"), source);
        }
        if (!single.take(token::bare_token(view(kept)), source)) {
            return false;
        }
        rest.remove_prefix(argument->end);
    }
    return true;
}

bool take_variable(ngx_http_request_t *request, const CredentialSource &source, Single &single)
{
    const std::optional<std::string_view> value = source.variable.evaluate(request);
    if (!value) {
        return single.take(fail(Code::kInternal, "a variable cannot be evaluated"), source);
    }
    return single.take(token::bare_token(*value), source);
}

bool strip_header(ngx_http_request_t *request, const CredentialSource &source)
{
    const bool done =
        remove_headers(request->headers_in.headers, request->pool, [&](const auto &header) {
            if (!is_header(header, source.name)) {
                return false;
            }
            // another scheme in Authorization is not our credential
            return !source.bearer || token::has_bearer_scheme(view(header.value));
        });
    if (done && equals_ignoring_case(source.name, "Authorization")) {
        link_authorization(request);
    }
    return done;
}

// A changed copy in place of the old text. False without memory.
bool replace(ngx_http_request_t *request, ngx_str_t &text, const std::string &changed)
{
    if (changed.size() == text.len) {
        return true;
    }
    const ngx_str_t kept = copy(request->pool, changed);
    if (kept.data != nullptr) {
        text = kept;
    }
    return kept.data != nullptr;
}

// nginx finds cookies by pointers of its own to the headers.
void forget_empty_cookies(ngx_http_headers_in_t &in) noexcept
{
#if (nginx_version >= 1023000)
    for (ngx_table_elt_t **link = &in.cookie; *link != nullptr;) {
        if ((*link)->value.len == 0) {
            *link = (*link)->next;
        } else {
            link = &(*link)->next;
        }
    }
#else
    auto **cookies = static_cast<ngx_table_elt_t **>(in.cookies.elts);
    ngx_uint_t left = 0;
    for (ngx_uint_t i = 0; i < in.cookies.nelts; ++i) {
        if (cookies[i]->value.len != 0) {
            cookies[left++] = cookies[i];
        }
    }
    in.cookies.nelts = left;
#endif
}

bool strip_cookie(ngx_http_request_t *request, const CredentialSource &source)
{
    bool done = true;
    each_header(request->headers_in.headers, [&](ngx_table_elt_t &header) {
        if (is_header(header, "Cookie")) {
            done = replace(request, header.value,
                           token::without_cookie(view(header.value), source.name));
        }
        return done;
    });
    forget_empty_cookies(request->headers_in);
    return done
           && remove_headers(request->headers_in.headers, request->pool,
                             [](const ngx_table_elt_t &header) {
                                 return is_header(header, "Cookie") && header.value.len == 0;
                             });
}

// The text with the argument gone from its query; a '?' with nothing behind it goes, too.
std::string without_argument(std::string_view target, std::string_view name)
{
    const std::size_t question = target.find('?');
    if (question == std::string_view::npos) {
        return std::string(target);
    }
    std::string out(target.substr(0, question));
    const std::string query = token::without_query_argument(target.substr(question + 1), name);
    return query.empty() ? out : out + "?" + query;
}

// METHOD SP target [SP version]
std::string line_without_argument(std::string_view line, std::string_view name)
{
    const std::size_t first = line.find(' ');
    if (first == std::string_view::npos) {
        return std::string(line);
    }
    const std::size_t last = line.rfind(' ');
    const std::size_t end = last == first ? line.size() : last;
    return std::string(line.substr(0, first + 1))
           + without_argument(line.substr(first + 1, end - first - 1), name)
           + std::string(line.substr(end));
}

// A rewrite may have changed the arguments and left the lines as the client sent them.
bool strip_query(ngx_http_request_t *request, const CredentialSource &source)
{
    return replace(request, request->args,
                   token::without_query_argument(view(request->args), source.name))
           && replace(request, request->unparsed_uri,
                      without_argument(view(request->unparsed_uri), source.name))
           && replace(request, request->request_line,
                      line_without_argument(view(request->request_line), source.name));
}

}  // namespace

Result<std::optional<Credential>> find_credential(ngx_http_request_t *request,
                                                  std::span<const CredentialSource> sources)
{
    Single single;
    for (const CredentialSource &source : sources) {
        bool more = true;
        switch (source.kind) {
        case CredentialSource::Kind::kHeader:
            more = take_header(request, source, single);
            break;
        case CredentialSource::Kind::kQuery:
            more = take_query(request, source, single);
            break;
        case CredentialSource::Kind::kCookie:
            more = take_cookie(request, source, single);
            break;
        case CredentialSource::Kind::kVariable:
            more = take_variable(request, source, single);
            break;
        }
        if (!more) {
            break;
        }
    }
    return single.result();
}

bool lists(std::span<const CredentialSource> sources, const CredentialSource &source) noexcept
{
    return std::ranges::any_of(sources, [&](const CredentialSource &other) {
        if (&other == &source) {
            return true;
        }
        return other.kind == source.kind && other.bearer == source.bearer
               && (source.kind == CredentialSource::Kind::kHeader
                       ? equals_ignoring_case(other.name, source.name)
                       : other.name == source.name);
    });
}

bool strip_credentials(ngx_http_request_t *request, std::span<const CredentialSource> sources)
{
    for (const CredentialSource &source : sources) {
        bool done = true;
        switch (source.kind) {
        case CredentialSource::Kind::kHeader:
            done = strip_header(request, source);
            break;
        case CredentialSource::Kind::kQuery:
            done = strip_query(request, source);
            break;
        case CredentialSource::Kind::kCookie:
            done = strip_cookie(request, source);
            break;
        case CredentialSource::Kind::kVariable:
            break;
        }
        if (!done) {
            return false;
        }
        for (const ngx_int_t variable : source.variables) {
            forget_variable(request, variable);
        }
    }
    return true;
}

}  // namespace token_introspect::nginx
