# SPDX-License-Identifier: GPL-2.0-or-later
# fish completion for syscare: the program itself knows what fits (syscare __complete).

function __syscare_candidates
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] __complete $words[2..-1] "$current" 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end

complete -c syscare -f -a '(__syscare_candidates)'
