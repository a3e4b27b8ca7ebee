# nginx_headers: the headers of the nginx that the module is for, configured as that nginx was.
#
# NGINX_OBJS        an objs directory made by nginx's own ./configure (the `config` script gives it)
# NGINX_SOURCE      a source tree; configured here, in a copy, with NGINX_CONFIGURE_ARGUMENTS
# neither           Debian's nginx-dev

set(debian_source /usr/share/nginx/src)
if(NOT NGINX_SOURCE)
    if(NOT EXISTS ${debian_source}/src/core/nginx.h)
        message(FATAL_ERROR "no nginx headers: install nginx-dev (Debian, Ubuntu), or give "
                            "-DNGINX_SOURCE=DIR with the source of the nginx you run")
    endif()
    set(nginx_source ${debian_source})
else()
    get_filename_component(nginx_source ${NGINX_SOURCE} ABSOLUTE BASE_DIR ${CMAKE_SOURCE_DIR})
endif()

# The arguments that shape nginx's structures; compilers, paths and dynamic modules do not.
function(nginx_configure_arguments out)
    set(arguments "${NGINX_CONFIGURE_ARGUMENTS}")
    if(NOT arguments)
        find_program(NGINX_BINARY nginx PATHS /usr/sbin /usr/local/sbin)
        if(NGINX_BINARY)
            execute_process(COMMAND ${NGINX_BINARY} -V ERROR_VARIABLE arguments OUTPUT_QUIET)
        elseif(EXISTS ${nginx_source}/conf_flags)
            file(READ ${nginx_source}/conf_flags arguments)
        else()
            message(FATAL_ERROR "cannot run nginx -V: give -DNGINX_CONFIGURE_ARGUMENTS=\"…\" with "
                                "the arguments that your nginx was configured with")
        endif()
    endif()
    string(REGEX MATCHALL "--with(out)?-[a-z0-9_-]+(=[^ ']*)?" all "${arguments}")
    list(FILTER all EXCLUDE REGEX "=|^--with-(mail|stream)|^--with-(cc|ld|cpp)-?")
    list(FILTER all EXCLUDE REGEX "^--with-(pcre|zlib|openssl)-opt")
    list(REMOVE_DUPLICATES all)
    set(${out} ${all} PARENT_SCOPE)
endfunction()

if(NGINX_OBJS)
    set(nginx_objs ${NGINX_OBJS})
else()
    nginx_configure_arguments(nginx_arguments)
    set(nginx_tree ${CMAKE_BINARY_DIR}/nginx)
    set(nginx_objs ${nginx_tree}/objs)
    file(STRINGS ${nginx_source}/src/core/nginx.h version REGEX "define NGINX_VERSION")
    set(stamp "${nginx_source} ${version} ${nginx_arguments}")
    set(stamp_file ${nginx_tree}/configured)
    set(previous "")
    if(EXISTS ${stamp_file})
        file(READ ${stamp_file} previous)
    endif()
    if(NOT previous STREQUAL stamp)
        message(STATUS "Configuring nginx's headers from ${nginx_source}")
        file(REMOVE_RECURSE ${nginx_tree})
        file(COPY ${nginx_source}/src ${nginx_source}/auto DESTINATION ${nginx_tree})
        set(configure ${nginx_source}/configure)
        if(NOT EXISTS ${configure})
            set(configure ${nginx_source}/auto/configure)
        endif()
        file(COPY_FILE ${configure} ${nginx_tree}/configure)
        execute_process(COMMAND sh ./configure ${nginx_arguments}
                        WORKING_DIRECTORY ${nginx_tree}
                        OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE failed)
        if(failed OR NOT EXISTS ${nginx_objs}/ngx_auto_config.h)
            message(FATAL_ERROR "nginx's configure failed:\n${output}")
        endif()
        file(WRITE ${stamp_file} "${stamp}")
    endif()
    set(nginx_source ${nginx_tree})
endif()

add_library(nginx_headers INTERFACE)
target_include_directories(nginx_headers SYSTEM INTERFACE
    ${nginx_source}/src/core ${nginx_source}/src/event ${nginx_source}/src/event/modules
    ${nginx_source}/src/event/quic ${nginx_source}/src/os/unix ${nginx_source}/src/http
    ${nginx_source}/src/http/modules ${nginx_source}/src/http/v2 ${nginx_source}/src/http/v3
    ${nginx_objs})
