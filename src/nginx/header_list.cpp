#include "nginx/header_list.hpp"

#include "base/text.hpp"

namespace token_introspect::nginx {

namespace detail {

// nginx walks a list in a way that allows no empty part but the first, and appends to the last part
// while it holds fewer than nalloc elements: a last part that lost its front must look full.
bool unlink_element(ngx_list_t &list, ngx_pool_t *pool, ngx_list_part_t *previous,
                    ngx_list_part_t &part, ngx_uint_t index) noexcept
{
    auto *headers = static_cast<ngx_table_elt_t *>(part.elts);
    if (part.nelts == 1 && previous != nullptr) {
        previous->next = part.next;
        if (list.last == &part) {
            list.last = previous;
            list.nalloc = previous->nelts != 0 ? previous->nelts : 1;
        }
        return true;
    }
    if (index + 1 == part.nelts) {
        --part.nelts;
        return true;
    }
    ngx_list_part_t *shortened = &part;
    if (index == 0) {
        part.elts = headers + 1;
        --part.nelts;
    } else {
        auto *tail = static_cast<ngx_list_part_t *>(ngx_palloc(pool, sizeof(ngx_list_part_t)));
        if (tail == nullptr) {
            return false;
        }
        *tail = {.elts = headers + index + 1, .nelts = part.nelts - index - 1, .next = part.next};
        part.nelts = index;
        part.next = tail;
        shortened = tail;
    }
    if (list.last == &part) {
        list.last = shortened;
        list.nalloc = shortened->nelts;
    }
    return true;
}

}  // namespace detail

bool copy_headers(ngx_list_t &list, ngx_pool_t *pool) noexcept
{
    constexpr ngx_uint_t roomy = 20;
    ngx_list_t own;
    if (ngx_list_init(&own, pool, roomy, sizeof(ngx_table_elt_t)) != NGX_OK) {
        return false;
    }
    for (const ngx_list_part_t *part = &list.part; part != nullptr; part = part->next) {
        const auto *headers = static_cast<const ngx_table_elt_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            auto *slot = static_cast<ngx_table_elt_t *>(ngx_list_push(&own));
            if (slot == nullptr) {
                return false;
            }
            *slot = headers[i];
        }
    }
    const bool one_part = own.last == &own.part;
    list = own;
    if (one_part) {
        list.last = &list.part;
    }
    return true;
}

bool push_header(ngx_list_t &list, ngx_pool_t *pool, ngx_str_t name, ngx_str_t value) noexcept
{
    constexpr ngx_uint_t few = 4;
    // nginx runs a request of HTTP/0.9 before it makes the list
    if (list.last == nullptr && ngx_list_init(&list, pool, few, sizeof(ngx_table_elt_t)) != NGX_OK)
    {
        return false;
    }
    auto *lowcase = static_cast<u_char *>(ngx_pnalloc(pool, name.len));
    auto *header =
        lowcase != nullptr ? static_cast<ngx_table_elt_t *>(ngx_list_push(&list)) : nullptr;
    if (header == nullptr) {
        return false;
    }
    ngx_memzero(header, sizeof *header);
    header->hash = ngx_hash_strlow(lowcase, name.data, name.len);
    header->lowcase_key = lowcase;
    header->key = name;
    header->value = value;
    return true;
}

ngx_table_elt_t *add_response_header(ngx_http_request_t *request, std::string_view name,
                                     std::string_view value) noexcept
{
    const ngx_str_t kept = copy(request->pool, value);
    auto *header =
        kept.data != nullptr
            ? static_cast<ngx_table_elt_t *>(ngx_list_push(&request->headers_out.headers))
            : nullptr;
    if (header == nullptr) {
        return nullptr;
    }
    ngx_memzero(header, sizeof *header);
    header->hash = 1;
    header->key = borrow(name);
    header->value = kept;
    return header;
}

void hide_response_headers(ngx_http_request_t *request, std::string_view name) noexcept
{
    for (ngx_list_part_t *part = &request->headers_out.headers.part; part != nullptr;
         part = part->next)
    {
        auto *headers = static_cast<ngx_table_elt_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (is_header(headers[i], name)) {
                headers[i].hash = 0;
            }
        }
    }
}

bool is_header(const ngx_table_elt_t &header, std::string_view name) noexcept
{
    return equals_ignoring_case(view(header.key), name);
}

bool same_header_name(std::string_view a, std::string_view b) noexcept
{
    auto fold = [](char c) { return c == '_' ? '-' : static_cast<char>(ngx_tolower(c)); };
    if (a.size() != b.size()) {
        return false;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (fold(a[i]) != fold(b[i])) {
            return false;
        }
    }
    return true;
}

}  // namespace token_introspect::nginx
