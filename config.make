# Sourced by nginx's auto/make after objs/Makefile is written.

cat << END                                                    >> $NGX_MAKEFILE

modules:	$NGX_OBJS/$ngx_addon_name.so

.PHONY:	$NGX_OBJS/$ngx_addon_name.so

$NGX_OBJS/$ngx_addon_name.so:
	cmake -S "$ngx_addon_dir" -B $NGX_OBJS/$ngx_addon_name \\
		-DNGINX_SOURCE="\$\$PWD" -DNGINX_OBJS="\$\$PWD/$NGX_OBJS"
	cmake --build $NGX_OBJS/$ngx_addon_name --target $ngx_addon_name
	cp $NGX_OBJS/$ngx_addon_name/$ngx_addon_name.so $NGX_OBJS/

END
