#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Gets dt-validate from PyPI (dtschema) and prepares the kernel's devicetree bindings for it, which come with Debian's
# linux-source package. Prints the folder that holds dt-validate, schema.json and, in python/, the packages that dtschema needs:
# jsonschema serves the tests of configs/schema.json. Exit status 75: PyPI can't be reached.

source "$(dirname "$0")/../lib.sh"

DTSCHEMA=dtschema==2026.9 # pinned, since its complaints are compared with a list

build_dt_validate() {
    local new=$1 final=$2 work=$1/work
    mkdir "$work"
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install -q --disable-pip-version-check --target "$new/python" "$DTSCHEMA"
    tar -C "$work" -xf "/usr/src/$package.tar.xz" "$package/Documentation/devicetree/bindings"
    # Its complaints here are about the bindings.
    PYTHONPATH=$new/python python3 "$new/python/bin/dt-mk-schema" -j "$work/$package/Documentation/devicetree/bindings" \
        >"$new/schema.json"
    cat >"$new/dt-validate" <<END
#!/bin/sh
PYTHONPATH=$final/python exec python3 $final/python/bin/dt-validate "\$@"
END
    chmod +x "$new/dt-validate"
    rm -rf "$work"
}

# reach_pypi: whether the index that pip is set to answers. One that does, but lacks the package, is an error further on.
reach_pypi() {
    local probe log
    temporary_folder probe
    log=$MARTLET_CACHE/log/dt-validate.log
    logged dt-validate python3 -m venv "$probe/venv"
    "$probe/venv/bin/pip" download -q --disable-pip-version-check --no-deps -d "$probe" "$DTSCHEMA" >"$log" 2>&1 &&
        return
    ! grep -qE 'connection broken|from versions: none' "$log"
}

need_build_packages
python3 -c 'import ensurepip, venv' 2>/dev/null || need_packages python3-venv
need_kernel_source package
key=$(cache_key -- "$(declare -f build_dt_validate)" "$DTSCHEMA" "$(installed_versions "$package")" "$(python3 -V)" "$HOST_ARCH")
if [[ ! -d $MARTLET_CACHE/dt-validate/$key ]] && ! reach_pypi; then
    say dt-validate "PyPI can't be reached (log: $MARTLET_CACHE/log/dt-validate.log)"
    exit 75
fi
cached folder dt-validate "$key" build_dt_validate
echo "$folder"
