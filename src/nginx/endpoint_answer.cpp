#include "nginx/endpoint_answer.hpp"

#include "nginx/header_list.hpp"
#include "nginx/worker.hpp"

#include <string>

namespace token_introspect::nginx {

namespace {

constexpr ngx_int_t kFailed = NGX_HTTP_INTERNAL_SERVER_ERROR;

bool add_headers(ngx_http_request_t *request, const issuer::Answer &answer, std::string_view allow)
{
    // what a refusal before an error_page left
    for (const std::string_view name : {"WWW-Authenticate", "Retry-After"}) {
        hide_response_headers(request, name);
    }
    const auto add = [&](std::string_view name, std::string_view value) {
        return add_response_header(request, name, value);
    };
    if (!(answer.cacheable ? add("Cache-Control", "public, max-age=300") != nullptr
                           : add("Cache-Control", "no-store") != nullptr
                                 && add("Pragma", "no-cache") != nullptr))
    {
        return false;
    }
    if (!answer.challenge.empty()) {
        request->headers_out.www_authenticate = add("WWW-Authenticate", answer.challenge);
        if (request->headers_out.www_authenticate == nullptr) {
            return false;
        }
    }
    if (answer.retry_after_s != 0
        && add("Retry-After", std::to_string(answer.retry_after_s)) == nullptr)
    {
        return false;
    }
    return allow.empty() || add("Allow", allow) != nullptr;
}

}  // namespace

ngx_int_t send_answer(ngx_http_request_t *request, const issuer::Answer &answer,
                      std::string_view allow)
{
    ngx_http_complex_value_t body;
    ngx_memzero(&body, sizeof body);
    body.value = copy(request->pool, answer.body);
    if (body.value.data == nullptr || !add_headers(request, answer, allow)) {
        return kFailed;
    }
    ngx_str_t type = borrow(answer.body.empty() ? std::string_view() : answer.content_type);
    return ngx_http_send_response(request, static_cast<ngx_uint_t>(answer.status), &type, &body);
}

ngx_int_t send_refusal(ngx_http_request_t *request, const issuer::TokenIssuer &issuer,
                       const issuer::Refusal &refusal, std::string_view what,
                       std::string_view client, std::string_view allow)
{
    std::string line = "token issuer \"" + issuer.name + "\": ";
    line.append(what).append(" refused: ").append(issuer::log_word(refusal));
    if (!client.empty()) {
        line.append(", client \"").append(client).append("\"");
    }
    const ngx_str_t text = borrow(line);
    ngx_log_error(log_level(issuer::severity(refusal)), request->connection->log, 0, "%V", &text);
    return send_answer(request, issuer::refusal_answer(issuer, refusal), allow);
}

bool read_body(const ngx_http_request_t *request, std::size_t limit, std::string &body,
               bool &too_large)
{
    too_large = false;
    const ngx_chain_t *const bufs =
        request->request_body != nullptr ? request->request_body->bufs : nullptr;
    std::size_t size = 0;
    for (const ngx_chain_t *chain = bufs; chain != nullptr; chain = chain->next) {
        size += static_cast<std::size_t>(ngx_buf_size(chain->buf));
        if (size > limit) {
            too_large = true;
            return true;
        }
    }
    body.clear();
    for (const ngx_chain_t *chain = bufs; chain != nullptr; chain = chain->next) {
        const ngx_buf_t *buffer = chain->buf;
        const auto length = static_cast<std::size_t>(ngx_buf_size(buffer));
        const std::size_t at = body.size();
        body.resize(at + length);
        if (length == 0) {
            continue;
        }
        auto *to = reinterpret_cast<u_char *>(body.data() + at);
        if (ngx_buf_in_memory(buffer)) {
            ngx_memcpy(to, buffer->pos, length);
        } else if (ngx_read_file(buffer->file, to, length, buffer->file_pos)
                   != static_cast<ssize_t>(length))
        {
            return false;
        }
    }
    return true;
}

std::string_view limited_address(const ngx_connection_t *connection) noexcept
{
    constexpr std::size_t network = 8;
    const auto text = [](const void *bytes, std::size_t size) {
        return std::string_view(static_cast<const char *>(bytes), size);
    };
    switch (connection->sockaddr->sa_family) {
    case AF_INET: {
        const auto *address = reinterpret_cast<const sockaddr_in *>(connection->sockaddr);
        return text(&address->sin_addr, sizeof address->sin_addr);
    }
#if (NGX_HAVE_INET6)
    case AF_INET6: {
        const auto *address = reinterpret_cast<const sockaddr_in6 *>(connection->sockaddr);
        if (IN6_IS_ADDR_V4MAPPED(&address->sin6_addr)) {
            constexpr std::size_t prefix = 12;
            return text(address->sin6_addr.s6_addr + prefix, sizeof(in_addr));
        }
        return text(&address->sin6_addr, network);
    }
#endif
    default:
        return {};
    }
}

}  // namespace token_introspect::nginx
