"""Keywords for debtags, written from the names of the tags alone: (field, words or a pattern)."""

TAGS = {
    "devel::library": [
        ("text", r"library, libraries, development files, bindings"),
        ("package", r"^lib.*(-dev|-perl|-java|-ruby)$"),
    ],
    "role::shared-lib": [
        ("text", r"shared library, shared libraries, runtime library"),
        ("package", r"^lib.*[0-9]$"),
        ("section", r"^libs$"),
    ],
    "role::program": [
        ("text", r"program, tool, application, client, editor, game, viewer, utility, utilities"),
    ],
    "role::devel-lib": [
        ("text", r"development files, header files, headers"),
        ("package", r"-dev$"),
    ],
    "implemented-in::perl": [
        ("text", r"perl"),
        ("package", r"-perl$"),
    ],
    "implemented-in::c": [
        ("text", r"written in c, in c, c library"),
    ],
    "devel::lang:perl": [
        ("text", r"perl module, perl"),
        ("package", r"^lib.*-perl$"),
    ],
    "scope::utility": [
        ("text", r"utility, utilities, tool, tools"),
    ],
    "interface::x11": [
        ("text", r"x11, x window, x server, gtk, qt, gui, gnome, kde"),
    ],
    "interface::graphical": [
        ("text", r"graphical, gui, gtk, qt"),
    ],
    "interface::commandline": [
        ("text", r"command line, command-line, commandline, cli"),
    ],
    "x11::application": [
        ("text", r"x11, x window, gtk, gnome, kde"),
    ],
    "uitoolkit::gtk": [
        ("text", r"gtk, gtk+, gtk2, gtk3, gnome"),
    ],
    "role::documentation": [
        ("text", r"documentation, manual, docs"),
        ("package", r"-doc$"),
    ],
    "role::app-data": [
        ("text", r"data files, common files, architecture-independent"),
        ("package", r"-(data|common)$"),
    ],
    "uitoolkit::qt": [
        ("text", r"qt, qt5, kde"),
        ("package", r"qt"),
    ],
    "implemented-in::c++": [
        ("text", r"c++"),
    ],
    "devel::doc": [
        ("text", r"api documentation, developer documentation, documentation for"),
        ("package", r"^lib.*-doc$"),
    ],
    "implemented-in::python": [
        ("text", r"python, written in python, python 3"),
        ("package", r"^python"),
    ],
    "role::plugin": [
        ("text", r"plugin, plugins, plug-in, module for, extension"),
        ("package", r"plugin"),
    ],
    "works-with::text": [
        ("text", r"text, text files"),
    ],
    "uitoolkit::ncurses": [
        ("text", r"ncurses, curses, text-mode, terminal"),
    ],
    "use::gameplaying": [
        ("text", r"game, games, puzzle, player"),
        ("section", r"^games$"),
    ],
    "made-of::html": [
        ("text", r"html"),
    ],
    "devel::lang:c": [
        ("text", r"c library, c language, c compiler"),
    ],
    "use::converting": [
        ("text", r"convert, converter, conversion, converts"),
    ],
    "interface::daemon": [
        ("text", r"daemon, server, service"),
    ],
    "works-with::audio": [
        ("text", r"audio, sound, music, mp3"),
    ],
    "network::server": [
        ("text", r"server, daemon"),
    ],
    "use::editing": [
        ("text", r"editor, edit, editing"),
    ],
    "network::client": [
        ("text", r"client"),
    ],
    "uitoolkit::sdl": [
        ("text", r"sdl"),
    ],
    "use::checking": [
        ("text", r"check, checker, checks, validate, test, testing"),
    ],
    "interface::text-mode": [
        ("text", r"text-mode, text based, text-based, console, terminal, ncurses"),
    ],
    "use::viewing": [
        ("text", r"viewer, view, viewing, display"),
    ],
    "works-with::image": [
        ("text", r"image, images, picture, photo, graphics"),
    ],
    "suite::gnu": [
        ("text", r"gnu"),
    ],
    "devel::lang:java": [
        ("text", r"java"),
        ("package", r"-java$"),
    ],
    "role::metapackage": [
        ("text", r"metapackage, meta package, dependency package, meta-package"),
    ],
    "use::monitor": [
        ("text", r"monitor, monitoring, monitors"),
    ],
    "works-with::mail": [
        ("text", r"mail, email, e-mail, imap, smtp"),
    ],
    "role::data": [
        ("text", r"data, dictionary, fonts"),
    ],
    "works-with::file": [
        ("text", r"file, files"),
    ],
    "devel::lang:c++": [
        ("text", r"c++"),
    ],
    "use::configuring": [
        ("text", r"configuration, configure, configuring, settings"),
    ],
    "works-with::software:source": [
        ("text", r"source code, source, code"),
    ],
    "made-of::font": [
        ("text", r"font, fonts"),
        ("package", r"^fonts-"),
    ],
    "devel::lang:haskell": [
        ("text", r"haskell"),
        ("package", r"^libghc"),
    ],
    "works-with::db": [
        ("text", r"database, sql, mysql, postgresql, sqlite"),
    ],
    "works-with::image:raster": [
        ("text", r"image, images, png, jpeg, photo"),
    ],
    "made-of::dictionary": [
        ("text", r"dictionary, dictionaries, hunspell, aspell, myspell"),
    ],
    "implemented-in::lisp": [
        ("text", r"lisp, emacs"),
        ("package", r"^(elpa|cl)-"),
    ],
    "implemented-in::java": [
        ("text", r"java"),
    ],
    "x11::font": [
        ("text", r"font, fonts, x fonts"),
    ],
    "security::authentication": [
        ("text", r"authentication, pam, login, password, kerberos"),
    ],
    "admin::virtualization": [
        ("text", r"virtual machine, virtualization, kvm, xen, qemu, container"),
    ],
    "system::cloud": [
        ("text", r"cloud, openstack"),
    ],
    "suite::openstack": [
        ("text", r"openstack"),
    ],
    "suite::kde": [
        ("text", r"kde"),
    ],
    "field::mathematics": [
        ("text", r"mathematics, mathematical, algebra, math, numerical"),
    ],
    "admin::monitoring": [
        ("text", r"monitoring, monitor, nagios, munin"),
    ],
    "protocol::http": [
        ("text", r"http, web server, https"),
    ],
    "suite::emacs": [
        ("text", r"emacs"),
    ],
    "security::cryptography": [
        ("text", r"cryptography, encryption, crypto, cryptographic, gpg, pgp, ssl"),
    ],
    "field::biology": [
        ("text", r"biology, dna, genome, protein, sequence alignment, bioinformatics"),
    ],
    "suite::gnome": [
        ("text", r"gnome"),
    ],
}
