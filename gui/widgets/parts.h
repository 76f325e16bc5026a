/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small building blocks that several pages share: rows, cards, placeholders.
 * Must not know patches nor jobs. */
#pragma once

#include "model/errors.h"
#include "model/words.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* A row with a small title over a value that can be selected and wraps anywhere. */
GtkWidget *sc_property_row_new (const char *title, const char *value);

/* An icon, a title and a second line, both wrapping; @word gives the icon, its colour and its word, which
 * stands at the end. @subtitle may be "". */
GtkWidget *sc_word_content_new (ScWord word, const char *title, const char *subtitle);
/* The same as a row of a list box. */
GtkWidget *sc_word_row_new (ScWord word, const char *title, const char *subtitle);

/* A card that says what is wrong and what to do. */
GtkWidget *sc_problem_card_new (const char *sentence, const char *advice, gboolean harmless);

/* A window that shows @failure in full: sentence, advice, the service's own text to copy. @heading may be
 * NULL. */
void sc_failure_show (ScFailure *failure, const char *heading, GtkWidget *parent);

/* Removes all children of @box. */
void sc_box_clear (GtkBox *box);

/* From now on hides the pages of @stack (GtkStack or AdwViewStack) that aren't shown from assistive
 * technologies, too: GTK before 4.10 tells them all pages at once. */
void sc_stack_hide_pages (GtkWidget *stack);
void sc_widget_set_told (GtkWidget *widget, gboolean told);

/* A label that wraps and starts at the reading edge. */
GtkWidget *sc_text_new (const char *text, const char *style);

G_END_DECLS
