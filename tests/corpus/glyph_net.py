from keras import layers, models


def glyph_net(shape, classes, filters=(16, 32), dropout=0.25):
    net = models.Sequential([layers.Input(shape)])
    for f in filters:
        net.add(layers.Conv2D(f, (3, 3), padding="same", activation="relu"))
    net.add(layers.MaxPooling2D(pool_size=(2, 2)))
    net.add(layers.Dropout(dropout))
    net.add(layers.Flatten())
    net.add(layers.Dense(64, activation="relu"))
    net.add(layers.Dense(classes, activation="softmax"))
    return net
