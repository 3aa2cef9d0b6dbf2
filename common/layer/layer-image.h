/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image as a layer: what it holds lies over whatever is below, which
 * need not be the parent that the image was made for.  Presence is what
 * its BAT and bitmaps say.
 *
 * It differs from what layer.h says of other layers in two points.  A
 * sector that was made zero may come out as data, all zeroes, where the
 * format cannot say zero.  And state, and with it what calls it, may load
 * a page of the image's metadata; where that fails the sectors are said
 * to be data, so that a read of them fails and shows nothing wrong.
 *
 * There are no marks of what is dirty, so the layer must not be one whose
 * content is to move down.
 */

#ifndef DISKSTACK_LAYER_IMAGE_H
#define DISKSTACK_LAYER_IMAGE_H

#include "image/image.h"
#include "layer/layer.h"

/* The layer, which owns IMAGE from now on.  The image must be a
 * differencing one, or what it has not would be zero and not absent.  The
 * layer's id is that of the disk below: of VHDX the disk's, which
 * children have too, of VHD the one that the parent must have.  NULL after
 * log_error with errno; IMAGE is still the caller's then.
 */
extern struct layer *layer_image_create (struct image *image);

#endif /* DISKSTACK_LAYER_IMAGE_H */
