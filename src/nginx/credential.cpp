#include "nginx/credential.hpp"

#include "base/text.hpp"
#include "nginx/header_list.hpp"
#include "token/credential.hpp"

namespace token_introspect::nginx {

namespace {

using Found = Result<std::optional<std::string_view>>;

// Calls `body` with each header's element while it gives true.
template <class Body> void each_header(ngx_http_request_t *request, Body &&body)
{
    for (ngx_list_part_t *part = &request->headers_in.headers.part; part != nullptr;
         part = part->next)
    {
        auto *headers = static_cast<ngx_table_elt_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (!body(headers[i])) {
                return;
            }
        }
    }
}

bool is_header(const ngx_table_elt_t &header, std::string_view name) noexcept
{
    return equals_ignoring_case(view(header.key), name);
}

// Remembers the first credential and notices another one.
class Single {
public:
    // False when nothing more needs to be read.
    bool take(const Found &found)
    {
        if (!found) {
            result_ = found;
            return false;
        }
        if (!*found) {
            return true;
        }
        if (*result_ && **result_ != **found) {
            result_ = fail(Code::kMultipleCredentials, "the request has two different credentials");
            return false;
        }
        result_ = found;
        return true;
    }
    [[nodiscard]] const Found &result() const noexcept { return result_; }

private:
    Found result_ = std::optional<std::string_view>();
};

bool take_header(ngx_http_request_t *request, const CredentialSource &source, Single &single)
{
    bool more = true;
    each_header(request, [&](const ngx_table_elt_t &header) {
        if (is_header(header, source.name)) {
            const std::string_view value = view(header.value);
            more =
                single.take(source.bearer ? token::bearer_token(value) : token::bare_token(value));
        }
        return more;
    });
    return more;
}

bool take_cookie(ngx_http_request_t *request, const CredentialSource &source, Single &single)
{
    bool more = true;
    each_header(request, [&](const ngx_table_elt_t &header) {
        if (is_header(header, "Cookie")) {
            if (const auto value = token::find_cookie(view(header.value), source.name)) {
                more = single.take(token::bare_token(*value));
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
            return single.take(fail(Code::kMalformedCredential, "bad percent-encoding"));
        }
        const ngx_str_t kept = copy(request->pool, *decoded);
        if (kept.data == nullptr) {
            return single.take(fail(Code::kInternal, "out of memory"));
        }
        if (!single.take(token::bare_token(view(kept)))) {
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
        return single.take(fail(Code::kInternal, "a variable cannot be evaluated"));
    }
    return single.take(token::bare_token(*value));
}

bool strip_header(ngx_http_request_t *request, const CredentialSource &source)
{
    const bool done =
        remove_headers(request->headers_in.headers, request->pool, [&](const auto &header) {
            if (!is_header(header, source.name)) {
                return false;
            }
            // another scheme in Authorization is not our credential
            const Found found = source.bearer ? token::bearer_token(view(header.value))
                                              : token::bare_token(view(header.value));
            return !found || found->has_value();
        });
    if (done && equals_ignoring_case(source.name, "Authorization")) {
        ngx_table_elt_t *left = nullptr;
        each_header(request, [&](ngx_table_elt_t &header) {
            left = is_header(header, source.name) ? &header : nullptr;
            return left == nullptr;
        });
        request->headers_in.authorization = left;
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

bool strip_cookie(ngx_http_request_t *request, const CredentialSource &source)
{
    bool done = true;
    each_header(request, [&](ngx_table_elt_t &header) {
        if (is_header(header, "Cookie")) {
            done = replace(request, header.value,
                           token::without_cookie(view(header.value), source.name));
        }
        return done;
    });
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

bool strip_query(ngx_http_request_t *request, const CredentialSource &source)
{
    if (!token::find_query_argument(view(request->args), source.name)) {
        return true;
    }
    // METHOD SP target SP version
    const std::string_view line = view(request->request_line);
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    std::string changed_line(line);
    if (first != std::string_view::npos && first < last) {
        changed_line = std::string(line.substr(0, first + 1))
                       + without_argument(line.substr(first + 1, last - first - 1), source.name)
                       + std::string(line.substr(last));
    }
    return replace(request, request->args,
                   token::without_query_argument(view(request->args), source.name))
           && replace(request, request->unparsed_uri,
                      without_argument(view(request->unparsed_uri), source.name))
           && replace(request, request->request_line, changed_line);
}

}  // namespace

Result<std::optional<std::string_view>> find_credential(ngx_http_request_t *request,
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
    }
    return true;
}

}  // namespace token_introspect::nginx
