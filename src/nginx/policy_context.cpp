#include "nginx/policy_context.hpp"

#include "base/text.hpp"
#include "nginx/header_list.hpp"
#include "nginx/request.hpp"
#include "token/claims_writer.hpp"

#include <algorithm>
#include <map>

namespace token_introspect::nginx {

namespace {

using policy::Subject;

// Several values of one name, as a policy sees them.
using Values = std::map<std::string, std::vector<std::string>, std::less<>>;

std::string lower(std::string_view text)
{
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return static_cast<char>(ngx_tolower(c)); });
    return out;
}

// A name or value of a query: what cannot be decoded stays as it is.
std::string decoded(std::string_view text)
{
    std::string spaced(text);
    std::ranges::replace(spaced, '+', ' ');
    return percent_decode(spaced).value_or(spaced);
}

// Calls `body` with name and value of each argument, as they were sent.
template <class Body> void each_argument(std::string_view args, Body &&body)
{
    while (!args.empty()) {
        const std::string_view argument = args.substr(0, args.find('&'));
        args.remove_prefix(std::min(argument.size() + 1, args.size()));
        if (!argument.empty()) {
            const std::size_t equals = std::min(argument.find('='), argument.size());
            body(argument.substr(0, equals),
                 argument.substr(std::min(equals + 1, argument.size())));
        }
    }
}

}  // namespace

token::Value PolicyContext::get(Subject subject) noexcept
{
    const auto index = static_cast<std::size_t>(subject);
    if (!made_[index]) {
        made_[index] = true;
        try {
            values_[index] = make(subject);
        } catch (const std::exception &) {
            failed_ = true;
        }
    }
    return values_[index];
}

token::Value PolicyContext::make(Subject subject)
{
    const flow::Introspector *by = own_->introspector();
    const bool jwt = by != nullptr && by->kind == flow::Kind::kJwt;
    switch (subject) {
    case Subject::kRequestMethod:
        return text(lower(view(request_->method_name)));
    case Subject::kScheme:
#if (NGX_HTTP_SSL)
        return text(request_->connection->ssl != nullptr ? "https" : "http");
#else
        return text("http");
#endif
    case Subject::kUri:
        return text(view(request_->uri));
    case Subject::kQueryString:
        return query_string();
    case Subject::kParams:
        return params();
    case Subject::kHeaders:
        return headers();
    case Subject::kRemoteAddr:
        return text(view(request_->connection->addr_text));
    case Subject::kJwt:
        return jwt ? own_->claims().root() : token::Value();
    case Subject::kToken:
        return jwt ? token::Value() : own_->claims().root();
    case Subject::kUser:
        return own_->user();
    case Subject::kRole:
        return own_->roles();
    case Subject::kClient:
        return client();
    case Subject::kSession:
        return session();
    }
    return {};
}

token::Value PolicyContext::keep(Result<Image> image)
{
    if (!image) {
        failed_ = true;
        return {};
    }
    // a vector that moves leaves its bytes where they are
    return token::ClaimsView(images_.emplace_back(std::move(*image))).root();
}

token::Value PolicyContext::text(std::string_view value)
{
    const std::size_t begin = texts_.bytes().size();
    if (begin + value.size() + sizeof(token::NodeHead) <= kTexts) {
        token::store_string_head(texts_, value.size());
        texts_.append(value);
        return token::ClaimsView(texts_.bytes().subspan(begin)).root();
    }
    token::ClaimsWriter writer;
    writer.string(value);
    return keep(writer.finish());
}

bool PolicyContext::hides(CredentialSource::Kind kind, std::string_view name) const noexcept
{
    using Kind = CredentialSource::Kind;
    constexpr std::array secret = {"authorization", "proxy-authorization", "cookie",
                                   "x-client-auth"};
    return masked_
           && ((kind == Kind::kHeader && std::ranges::find(secret, name) != secret.end())
               || std::ranges::any_of(
                   location_conf(request_).sources, [&](const CredentialSource &source) {
                       return source.kind == kind
                              && (kind == Kind::kHeader ? equals_ignoring_case(source.name, name)
                                                        : source.name == name);
                   }));
}

token::Value PolicyContext::query_string()
{
    const std::string_view args = view(request_->args);
    if (!masked_ || args.empty()) {
        return args.empty() ? token::Value() : text(args);
    }
    std::string shown;
    each_argument(args, [&](std::string_view name, std::string_view value) {
        shown.append(shown.empty() ? "" : "&").append(name);
        if (!value.empty()) {
            shown.append("=").append(hides(CredentialSource::Kind::kQuery, decoded(name)) ? kMask
                                                                                          : value);
        }
    });
    return text(shown);
}

token::Value PolicyContext::params()
{
    Values found;
    each_argument(view(request_->args), [&](std::string_view name, std::string_view value) {
        found[decoded(name)].push_back(decoded(value));
    });
    token::ClaimsWriter writer;
    writer.begin_object();
    for (const auto &[name, values] : found) {
        writer.key(name);
        if (hides(CredentialSource::Kind::kQuery, name)) {
            writer.string(kMask);
            continue;
        }
        if (values.size() == 1) {
            writer.string(values.front());
            continue;
        }
        writer.begin_array();
        for (const std::string &value : values) {
            writer.string(value);
        }
        writer.end();
    }
    writer.end();
    return keep(writer.finish());
}

// Names in lower case; a name that comes several times has its values joined (RFC 9110 section 5.3).
token::Value PolicyContext::headers()
{
    Values found;
    each_header(request_->headers_in.headers, [&](const ngx_table_elt_t &header) {
        found[lower(view(header.key))].emplace_back(view(header.value));
        return true;
    });
    if (request_->host_start != nullptr && request_->host_end != nullptr) {
        // RFC 9112 section 3.2.2: the host in the request line counts, and is the one that nginx serves
        found["host"] = {std::string(reinterpret_cast<const char *>(request_->host_start),
                                     reinterpret_cast<const char *>(request_->host_end))};
    }
    token::ClaimsWriter writer;
    writer.begin_object();
    for (const auto &[name, values] : found) {
        std::string joined;
        for (const std::string &value : values) {
            joined.append(joined.empty() ? "" : name == "cookie" ? "; " : ", ").append(value);
        }
        writer.key(name);
        writer.string(hides(CredentialSource::Kind::kHeader, name) ? kMask : joined);
    }
    writer.end();
    return keep(writer.finish());
}

// The Client resource that the token was issued to, or what is known of it: its id.
token::Value PolicyContext::client()
{
    std::string_view id = own_->claims().find("client_id").string();
    if (id.empty()) {
        id = own_->claims().find("azp").string();
    }
    if (id.empty()) {
        return {};
    }
    if (const token::ClaimsView known = main_conf(request_)->clients.find(id); !known.empty()) {
        return known.root();
    }
    token::ClaimsWriter writer;
    writer.begin_object();
    writer.key("id");
    writer.string(id);
    writer.end();
    return keep(writer.finish());
}

token::Value PolicyContext::session()
{
    const token::Value roles = get(Subject::kRole);
    if (!roles.present()) {
        return {};
    }
    token::ClaimsWriter writer;
    writer.begin_object();
    writer.key("role");
    writer.value(roles);
    writer.end();
    return keep(writer.finish());
}

token::Value PolicyContext::whole() noexcept
{
    try {
        if (whole_.empty()) {
            auto image = policy::build_whole(*this);
            if (image) {
                whole_ = std::move(*image);
            } else {
                failed_ = true;
            }
        }
    } catch (const std::exception &) {
        failed_ = true;
    }
    return token::ClaimsView(whole_).root();
}

}  // namespace token_introspect::nginx
