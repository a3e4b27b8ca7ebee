#pragma once

#include "nginx/ngx.hpp"

#include <string_view>

namespace token_introspect::nginx {

/// Adds a response header and gives its element; nullptr without memory. `name` must live as long as
/// the request.
ngx_table_elt_t *add_response_header(ngx_http_request_t *request, std::string_view name,
                                     std::string_view value) noexcept;

/// Takes response headers of that name out of the response.
void hide_response_headers(ngx_http_request_t *request, std::string_view name) noexcept;

/// True when the element has this name, whatever its case.
bool is_header(const ngx_table_elt_t &header, std::string_view name) noexcept;

/// Calls `body` with each element while it gives true.
template <class Body> void each_header(ngx_list_t &list, Body &&body);

/// Takes the elements that the predicate picks out of a header list. No element that stays is
/// moved, because nginx keeps pointers to them. False without memory (the list is then whole).
template <class Predicate> bool remove_headers(ngx_list_t &list, ngx_pool_t *pool,
                                               Predicate picked);

/// Gives the list elements of its own, so that changes do not reach whoever shares them. False
/// without memory (the list is then as it was).
bool copy_headers(ngx_list_t &list, ngx_pool_t *pool) noexcept;

/// Adds a request header. False without memory. Name and value must live as long as the request.
bool push_header(ngx_list_t &list, ngx_pool_t *pool, ngx_str_t name, ngx_str_t value) noexcept;

/// True when the two are one header name for those who read CGI-style variables: case and '-' or
/// '_' do not matter.
bool same_header_name(std::string_view a, std::string_view b) noexcept;

namespace detail {
/// Takes element `index` out of `part`; `previous` is the part before it, nullptr for the first.
/// False without memory.
bool unlink_element(ngx_list_t &list, ngx_pool_t *pool, ngx_list_part_t *previous,
                    ngx_list_part_t &part, ngx_uint_t index) noexcept;
}  // namespace detail

template <class Body> void each_header(ngx_list_t &list, Body &&body)
{
    for (ngx_list_part_t *part = &list.part; part != nullptr; part = part->next) {
        auto *headers = static_cast<ngx_table_elt_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (!body(headers[i])) {
                return;
            }
        }
    }
}

template <class Predicate> bool remove_headers(ngx_list_t &list, ngx_pool_t *pool, Predicate picked)
{
    ngx_list_part_t *previous = nullptr;
    for (ngx_list_part_t *part = &list.part; part != nullptr;) {
        ngx_list_part_t *const next = part->next;
        auto *headers = static_cast<ngx_table_elt_t *>(part->elts);
        const ngx_uint_t count = part->nelts;
        ngx_uint_t left = count;
        for (ngx_uint_t i = count; i-- > 0;) {
            if (!picked(headers[i])) {
                continue;
            }
            if (!detail::unlink_element(list, pool, previous, *part, i)) {
                return false;
            }
            --left;
        }
        if (left != 0 || previous == nullptr) {
            // the part, or what it was split into, stays: the next one comes after its last piece
            previous = part;
            while (previous->next != next) {
                previous = previous->next;
            }
        }
        part = next;
    }
    return true;
}

}  // namespace token_introspect::nginx
